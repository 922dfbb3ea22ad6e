// The capability sets of a container's init, as its own /proc/1/status has them: policy, user and user namespace.
#include <unistd.h>

#include "support/fixture.hpp"

namespace {

using namespace support;

constexpr unsigned long kDefault = 0x1fdb5feffff, kAll = 0x1ffffffffff, kChown = 1, kNetBind = 1UL << 10,
                        kMknod = 1UL << 27, kBpf = 1UL << 39;

struct Sets {
  unsigned long inheritable, permitted, effective, bounding, ambient;
  bool operator==(const Sets&) const = default;
};

void PrintTo(const Sets& sets, std::ostream* out) {
  *out << std::hex << "inheritable " << sets.inheritable << " permitted " << sets.permitted << " effective "
       << sets.effective << " bounding " << sets.bounding << " ambient " << sets.ambient;
}

class CapabilityTest : public SystemTest {
 protected:
  enum class As { Root, Worker };
  enum class Ids { OfTheHost, OfItsOwn };

  /// What nobody on this machine has cannot be had but in a user namespace.
  static unsigned long had(Ids ids) {
    return ids == Ids::OfItsOwn ? kAll : kAll & std::stoul(status_value(getpid(), "CapBnd"), nullptr, 16);
  }

  /// Said by init itself, of itself.
  Sets sets_of(const std::string& feature, As who, Ids ids) {
    const Rootfs root;
    DomainXml definition = xml("capabilities", root);
    definition.features = feature;
    if (who == As::Worker) definition.os = "    <inituser>worker</inituser>\n    <initgroup>workers</initgroup>\n";
    definition.elements =
        ids == Ids::OfItsOwn
            ? "  <idmap><uid start='0' target='700000' count='65536'/><gid start='0' target='700000' count='65536'/>"
              "</idmap>\n"
            : "  <lxcell:container xmlns:lxcell='urn:lxcell:domain:1.0'><lxcell:idmap "
              "mode='none'/></lxcell:container>\n";
    definition.init = "/bin/sh";
    // Held by init's shell only: what it starts gains or loses by its own exec.
    definition.arguments = {"-c",
                            "while read -r line; do echo \"$line\"; done &lt;/proc/1/status; echo end; read -r line"};
    const Domain domain = define(definition);
    EXPECT_EQ(virDomainCreate(domain), 0);
    const auto console = Console::open(domain);
    EXPECT_TRUE(console && console->wait_for("\nend")) << (console ? console->text() : "");
    const std::string text = console ? console->text() : "";
    virDomainDestroy(domain);
    virDomainUndefine(domain);
    const auto value = [&text](const std::string& key) {
      const auto at = text.find("Cap" + key + ":\t");
      return at == text.npos ? 1UL << 63 : std::stoul(text.substr(at + 8, 16), nullptr, 16);
    };
    return {value("Inh"), value("Prm"), value("Eff"), value("Bnd"), value("Amb")};
  }
};

std::string policy(const std::string& word, const std::string& states = "") {
  return "    <capabilities policy='" + word + "'>" + states + "</capabilities>\n";
}

TEST_F(CapabilityTest, OfRoot) {
  SKIP_ON_STOCK("keeps those that this machine has, and cannot name them all");
  for (const auto ids : {Ids::OfTheHost, Ids::OfItsOwn}) {
    const auto all_of = [ids](unsigned long set, unsigned long inheritable = 0) {
      set &= had(ids);
      return Sets{inheritable, set, set, set, 0};
    };
    EXPECT_EQ(sets_of("", As::Root, ids), all_of(kDefault));
    EXPECT_EQ(sets_of(policy("default", "<mknod state='on'/><chown state='off'/>"), As::Root, ids),
              all_of((kDefault | kMknod) & ~kChown));
    EXPECT_EQ(sets_of(policy("allow"), As::Root, ids), all_of(kAll));
    EXPECT_EQ(sets_of(policy("allow", "<bpf state='off'/>"), As::Root, ids), all_of(kAll & ~kBpf));
    EXPECT_EQ(sets_of(policy("deny"), As::Root, ids), all_of(0));
    EXPECT_EQ(sets_of(policy("deny", "<chown/><bpf state='on'/><mknod state='off'/>"), As::Root, ids),
              all_of(kChown | kBpf, kChown | kBpf));
  }
}

TEST_F(CapabilityTest, OfAnInitThatIsNotRoot) {
  SKIP_ON_STOCK("has none, whatever was asked for");
  for (const auto ids : {Ids::OfTheHost, Ids::OfItsOwn}) {
    EXPECT_EQ(sets_of("", As::Worker, ids), (Sets{0, 0, 0, kDefault & had(ids), 0})) << "as for any user of a system";
    EXPECT_EQ(sets_of(policy("allow"), As::Worker, ids), (Sets{0, 0, 0, had(ids), 0}));
    EXPECT_EQ(sets_of(policy("deny"), As::Worker, ids), (Sets{0, 0, 0, 0, 0}));
    EXPECT_EQ(sets_of(policy("deny", "<net_bind_service/>"), As::Worker, ids),
              (Sets{kNetBind, kNetBind, kNetBind, kNetBind, kNetBind}))
        << "what was asked for reaches the program";
  }
}

}  // namespace
