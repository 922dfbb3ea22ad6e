// Containers on a host with SELinux: each in the context of lxc_contexts with categories of its own, which its file
// systems have too. Needs a policy that has these contexts: packaging/selinux/lxcell.cil where the host's has not.
#include <sys/xattr.h>

#include <csignal>

#include "support/fixture.hpp"

namespace {

using namespace support;

class SelinuxTest : public SystemTest {
 protected:
  void SetUp() override {
    if (!exists("/sys/fs/selinux/enforce")) GTEST_SKIP() << "this kernel has no SELinux policy";
    SKIP_ON_STOCK("labels that are said elsewhere");
    NEEDS_OWN_DAEMON();
    ASSERT_NE(base_label(), "") << "the policy lacks the contexts of lxc_contexts";
  }

  std::string base_label() {
    char* capabilities = virConnectGetCapabilities(connection_);
    if (!capabilities) return "";
    const std::string text =
        xpath(capabilities, "string(/capabilities/host/secmodel[model='selinux']/baselabel[@type='lxc'])");
    free(capabilities);
    return text;
  }

  static DomainXml with_label(DomainXml definition, const std::string& seclabel) {
    definition.elements += seclabel;
    return definition;
  }
  static DomainXml fixed(DomainXml definition, const std::string& label) {
    return with_label(std::move(definition),
                      "<seclabel type='static' model='selinux'><label>" + label + "</label></seclabel>");
  }
};

/// Where the policy is enforced, init runs from files of the containers' context only.
const Rootfs& labelled(const Rootfs& root) {
  const auto done = run({"/bin/sh", "-c",
                         ". /etc/selinux/config; chcon -R \"$(sed -n 's/^file *= *\"\\(.*\\)\"/\\1/p' "
                         "/etc/selinux/$SELINUXTYPE/contexts/lxc_contexts)\" " +
                             root.path()});
  EXPECT_EQ(done.status, 0) << done.text;
  return root;
}

std::string kernel_label(virDomainPtr domain) {
  const std::string text = proc_file(init_pid(domain), "attr/current");
  return text.substr(0, text.find_first_of(std::string("\n\0", 2)));
}

/// Of a file as the container sees it.
std::string file_label(virDomainPtr domain, const std::string& path) {
  char label[1024] = {};
  const std::string whole = "/proc/" + std::to_string(init_pid(domain)) + "/root" + path;
  const ssize_t size = lgetxattr(whole.c_str(), "security.selinux", label, sizeof label - 1);
  return size < 0 ? std::string("errno ") + std::to_string(errno) : std::string(label);
}

std::string in_xml(virDomainPtr domain, const std::string& element) {
  return xpath(dump(domain), "string(/domain/seclabel[@model='selinux']/" + element + ")");
}

TEST_F(SelinuxTest, EveryContainerRunsInTheContextOfContainersWithCategoriesOfItsOwn) {
  Rootfs root, other;
  const Domain one = define_and_start(xml("one", labelled(root))), two = define_and_start(xml("two", labelled(other)));
  ASSERT_TRUE(root.wait_ready());
  const std::string label = kernel_label(one);
  EXPECT_TRUE(label.starts_with(base_label() + ":c")) << label;
  EXPECT_TRUE(kernel_label(two).starts_with(base_label() + ":c")) << kernel_label(two);
  EXPECT_NE(kernel_label(two), label);
  EXPECT_EQ(in_xml(one, "label"), label);
  EXPECT_EQ(in_xml(one, "@type"), "dynamic");
  EXPECT_EQ(xpath(dump(one, VIR_DOMAIN_XML_INACTIVE), "count(/domain/seclabel)"), "0");

  virSecurityModel model{};
  ASSERT_TRUE(ok(virNodeGetSecurityModel(connection_, &model)));
  EXPECT_STREQ(model.model, "selinux");
  virSecurityLabel told{};
  ASSERT_TRUE(ok(virDomainGetSecurityLabel(one, &told)));
  EXPECT_EQ(told.label, label);
  EXPECT_EQ(told.enforcing, read_text("/sys/fs/selinux/enforce").starts_with('1') ? 1 : 0);
}

TEST_F(SelinuxTest, FileSystemsMadeForAContainerHaveItsFileContext) {
  Rootfs root;
  DomainXml definition = xml("files", labelled(root));
  definition.devices += "<filesystem type='ram'><source usage='1000' units='KiB'/><target dir='/mnt'/></filesystem>";
  const Domain domain = define_and_start(definition);
  ASSERT_TRUE(root.wait_ready());
  const std::string context = in_xml(domain, "imagelabel");
  const std::string label = kernel_label(domain);
  EXPECT_TRUE(context.ends_with(label.substr(label.find(":s0")))) << context << " and " << label;
  for (const char* path : {"/dev", "/dev/null", "/dev/pts", "/dev/pts/ptmx", "/dev/console", "/mnt"})
    EXPECT_EQ(file_label(domain, path), context) << path;
}

TEST_F(SelinuxTest, AStaticLabelIsTakenAsItIsAndTypeNoneStaysInTheContextOfTheDaemon) {
  Rootfs root, other;
  const std::string label = base_label() + ":c3,c5";
  const Domain domain = define_and_start(fixed(xml("static", labelled(root)), label));
  EXPECT_EQ(kernel_label(domain), label);
  EXPECT_TRUE(file_label(domain, "/dev").ends_with(":c3,c5")) << file_label(domain, "/dev");
  EXPECT_EQ(file_label(domain, "/dev"), in_xml(domain, "imagelabel"));
  const Domain free_one =
      define_and_start(with_label(xml("none", labelled(other)), "<seclabel type='none' model='selinux'/>"));
  const std::string daemons = read_text("/proc/" + std::to_string(host().daemon()->pid()) + "/attr/current");
  EXPECT_EQ(kernel_label(free_one), std::string(daemons.c_str()));
}

TEST_F(SelinuxTest, AContextThatThePolicyLacksIsRefusedByName) {
  Rootfs root;
  const std::string unknown = "system_u:system_r:no_such_type_t:s0";
  const Domain domain = define(fixed(xml("unknown", labelled(root)), unknown));
  EXPECT_FALSE(ok(virDomainCreate(domain)));
  EXPECT_NE(std::string(virGetLastErrorMessage()).find("no context '" + unknown + "'"), std::string::npos)
      << virGetLastErrorMessage();
  const Domain based =
      define(with_label(xml("base", labelled(root)),
                        "<seclabel type='dynamic' model='selinux'><baselabel>" + unknown + "</baselabel></seclabel>"));
  EXPECT_FALSE(ok(virDomainCreate(based)));
  EXPECT_NE(std::string(virGetLastErrorMessage()).find("no context '" + unknown), std::string::npos)
      << virGetLastErrorMessage();
}

TEST_F(SelinuxTest, ADaemonStartedAnewKnowsTheLabelAndLeavesItsCategoriesToNoOther) {
  Daemon daemon(make_folder("selinux"));
  daemon.start();
  Rootfs root;
  std::string label;
  {
    const Connection connection(virConnectOpen(daemon.uri().c_str()));
    const Domain domain(virDomainDefineXML(connection, xml("outlive", labelled(root)).text().c_str()));
    ASSERT_TRUE(ok(virDomainCreate(domain)));
    label = kernel_label(domain);
  }
  daemon.kill();
  daemon.start();
  const Connection connection(virConnectOpen(daemon.uri().c_str()));
  const Domain domain(virDomainLookupByName(connection, own_name("outlive").c_str()));
  EXPECT_EQ(in_xml(domain, "label"), label);
  virSecurityLabel told{};
  ASSERT_TRUE(ok(virDomainGetSecurityLabel(domain, &told)));
  EXPECT_EQ(told.label, label);
}

}  // namespace
