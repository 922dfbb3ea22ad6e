// <lxc:namespace>: a container in another one's network, IPC or UTS namespace, a process's, or a named one.
#include <sched.h>
#include <unistd.h>

#include "support/fixture.hpp"

namespace {

using namespace support;

class SharingTest : public SystemTest {
 protected:
  /// `shares` are the children of <lxc:namespace>.
  static std::string sharing(DomainXml definition, const std::string& shares) {
    std::string text = definition.text();
    text.replace(text.find("<domain type='lxc'"), 18,
                 "<domain type='lxc' xmlns:lxc='http://libvirt.org/schemas/domain/lxc/1.0'");
    text.insert(text.rfind("</domain>"), "  <lxc:namespace>" + shares + "</lxc:namespace>\n");
    return text;
  }
  DomainXml plain(const std::string& word, const Rootfs& root, bool private_network) const {
    DomainXml definition = xml(word, root);
    definition.private_network = private_network;
    return definition;
  }
  std::string guest(const std::string& shares) const { return sharing(plain("guest", guest_root_, false), shares); }
  std::string all_of(const std::string& word) const {
    const std::string name = own_name(word);
    return "<lxc:sharenet type='name' value='" + name + "'/><lxc:shareipc type='name' value='" + name +
           "'/><lxc:shareuts type='name' value='" + name + "'/>";
  }
  static std::string link(virDomainPtr domain, const std::string& kind) {
    return proc_link(init_pid(domain), "ns/" + kind);
  }
  void refused(const std::string& text, int code, const std::string& expected) {
    const Domain domain = define(text);
    EXPECT_EQ(virDomainCreate(domain), -1);
    EXPECT_EQ(last_failure().code, code) << describe(last_failure());
    EXPECT_NE(last_failure().message.find(expected), std::string::npos) << describe(last_failure());
    EXPECT_EQ(state_of(domain), VIR_DOMAIN_SHUTOFF);
    EXPECT_TRUE(ok(virDomainUndefine(domain)));
  }

  Rootfs root_, guest_root_;
};

TEST_F(SharingTest, N13_ByNameAllThreeAndTheHostNameStays) {
  const Domain owner = create(plain("owner", root_, true));
  ASSERT_TRUE(root_.wait_ready() && wait_for_init(owner));
  const std::string before = enter_shell(owner, "hostname").text;
  const Domain domain = create(guest(all_of("owner")));
  ASSERT_TRUE(guest_root_.wait_ready() && wait_for_init(domain));
  for (const std::string kind : {"net", "ipc", "uts"}) EXPECT_EQ(link(domain, kind), link(owner, kind)) << kind;
  for (const std::string kind : {"pid", "mnt"}) EXPECT_NE(link(domain, kind), link(owner, kind)) << kind;
  if (!host().is_stock()) {
    EXPECT_EQ(enter_shell(owner, "hostname").text, before);
  }
  EXPECT_NE(link(domain, "net"), proc_link(getpid(), "ns/net"));
}

TEST_F(SharingTest, TheSupervisorStaysAtHome) {
  SKIP_ON_STOCK("its controller is another one");
  const Domain owner = create(plain("owner", root_, true));
  ASSERT_TRUE(root_.wait_ready());
  const Domain domain = create(guest(all_of("owner")));
  ASSERT_TRUE(guest_root_.wait_ready());
  for (const std::string kind : {"net", "ipc", "uts", "mnt"})
    EXPECT_EQ(proc_link(id_of(domain), "ns/" + kind), proc_link(getpid(), "ns/" + kind)) << kind;
}

TEST_F(SharingTest, TheNetworkOutlivesWhoseItWas) {
  const Domain owner = create(plain("owner", root_, true));
  ASSERT_TRUE(root_.wait_ready() && wait_for_init(owner));
  const Domain domain = create(guest("<lxc:sharenet type='name' value='" + own_name("owner") + "'/>"));
  ASSERT_TRUE(guest_root_.wait_ready() && wait_for_init(domain));
  ASSERT_TRUE(ok(virDomainDestroy(owner)));
  EXPECT_EQ(enter_shell(domain, "ping -c 1 -w 10 127.0.0.1").status, 0);
}

TEST_F(SharingTest, ByPidAndByNamedNamespace) {
  SKIP_ON_STOCK("/sys does not show the links of a shared network");
  const Domain owner = create(plain("owner", root_, true));
  ASSERT_TRUE(root_.wait_ready() && wait_for_init(owner));
  const std::string pid = std::to_string(init_pid(owner));
  {
    const Domain domain = create(guest("<lxc:sharenet type='pid' value='" + pid + "'/>"));
    ASSERT_TRUE(guest_root_.wait_ready() && wait_for_init(domain));
    EXPECT_EQ(link(domain, "net"), link(owner, "net"));
    EXPECT_NE(link(domain, "uts"), link(owner, "uts"));
    ASSERT_TRUE(ok(virDomainDestroy(domain)));
  }
  const std::string name = own_name("ns");
  const Output made = shell("ip netns add " + name + " && ip -n " + name + " link add marked type bridge");
  ASSERT_EQ(made.status, 0) << made.text;
  {
    const Domain domain = create(guest("<lxc:sharenet type='netns' value='" + name + "'/>"));
    ASSERT_TRUE(guest_root_.wait_ready() && wait_for_init(domain));
    EXPECT_NE(enter_shell(domain, "ls /sys/class/net").text.find("marked"), std::string::npos);
    ASSERT_TRUE(ok(virDomainDestroy(domain)));
  }
  shell("ip netns del " + name);
}

TEST_F(SharingTest, N10_WithIdMaps) {
  SKIP_ON_STOCK("N10: it needs a private network for them");
  const Domain owner = create(plain("owner", root_, true));
  ASSERT_TRUE(root_.wait_ready());
  guest_root_.give_to(200000);
  DomainXml mapped = plain("guest", guest_root_, false);
  mapped.elements =
      "  <idmap><uid start='0' target='200000' count='65536'/><gid start='0' target='200000' count='65536'/></idmap>\n";
  const Domain domain = create(sharing(mapped, all_of("owner")));
  ASSERT_TRUE(guest_root_.wait_ready());
  EXPECT_EQ(link(domain, "net"), link(owner, "net"));
  EXPECT_NE(link(domain, "user"), link(owner, "user"));
}

TEST_F(SharingTest, WhoIsNotThereIsNamed) {
  SKIP_ON_STOCK("codes and words are ours");
  refused(guest("<lxc:shareuts type='name' value='no-such-domain'/>"), VIR_ERR_NO_DOMAIN, "'no-such-domain'");
  const Domain owner = define(plain("owner", root_, true));
  refused(guest(all_of("owner")), VIR_ERR_OPERATION_INVALID, "'" + own_name("owner") + "' is not running");
  refused(guest(all_of("guest")), VIR_ERR_OPERATION_INVALID, "'" + own_name("guest") + "' is not running");
  refused(guest("<lxc:sharenet type='pid' value='4000000'/>"), VIR_ERR_OPERATION_INVALID, "4000000");
  refused(guest("<lxc:sharenet type='netns' value='no-such-netns'/>"), VIR_ERR_SYSTEM_ERROR, "no-such-netns");
  refused(guest("<lxc:sharenet type='netns' value='../../proc/1/ns/net'/>"), VIR_ERR_CONFIG_UNSUPPORTED,
          "invalid name");
  refused(guest("<lxc:shareipc type='netns' value='x'/>"), VIR_ERR_CONFIG_UNSUPPORTED, "'x'");
}

TEST_F(SharingTest, ASharedNetworkAndOneOfItsOwnAreTooMuch) {
  SKIP_ON_STOCK("it is refused for another reason");
  const Bridge bridge;
  DomainXml definition = plain("guest", guest_root_, false);
  definition.devices = bridge_interface(bridge.name());
  const Domain domain = define(sharing(definition, "<lxc:sharenet type='pid' value='1'/>"));
  EXPECT_EQ(virDomainCreate(domain), -1);
  EXPECT_EQ(last_failure().code, VIR_ERR_CONFIG_UNSUPPORTED) << describe(last_failure());
}

}  // namespace
