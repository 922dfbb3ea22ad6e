// The administrator's hook programs around a real container; when each runs is the unit tests'
// (tests/driver/hooks_test).
#include <filesystem>
#include <memory>

#include "support/daemon.hpp"
#include "support/fixture.hpp"

namespace {

using namespace support;
namespace fs = std::filesystem;

class HookTest : public testing::Test {
 protected:
  void SetUp() override {
    NEEDS_OWN_DAEMON();
    daemon_ = std::make_unique<Daemon>(make_folder("hooks"));
    daemon_->start();
    connection_ = Connection(virConnectOpen(daemon_->uri().c_str()));
    ASSERT_TRUE(connection_) << describe(last_failure());
  }
  void TearDown() override {
    if (!daemon_) return;
    connection_.reset();
    daemon_->destroy_domains();
    for (const auto& left : wait_for_no_traces(own_name("hook-"), daemon_->state_folder()))
      ADD_FAILURE() << "left: " << left;
  }
  /// Keeps each moment's XML in a file of its name, then does `more`.
  void install(const std::string& more) const {
    const std::string hook = daemon_->root() + "/etc/libvirt/hooks/lxcell";
    fs::create_directories(fs::path(hook).parent_path());
    write_text(hook, "#!/bin/sh\ncat > " + daemon_->root() + "/$2.xml\n" + more + "\n", 0755);
  }
  std::string told(const std::string& moment) const { return read_text(daemon_->root() + "/" + moment + ".xml"); }
  Domain define(const std::string& word) const {
    DomainXml definition;
    definition.name = own_name("hook-" + word);
    definition.root = root_.path();
    definition.devices = bridge_interface(bridge_.name());
    return Domain(virDomainDefineXML(connection_, definition.text().c_str()));
  }

  Rootfs root_;
  Bridge bridge_;
  std::unique_ptr<Daemon> daemon_;
  Connection connection_;
};

TEST_F(HookTest, StartedHearsWhatRunsAndPrepareWhatIsToRun) {
  install("");
  const Domain domain = define("told");
  ASSERT_TRUE(ok(virDomainCreate(domain)));
  EXPECT_EQ(told("started"), dump(domain));
  EXPECT_EQ(xpath(told("started"), "string(/domain/@id)"), std::to_string(id_of(domain)));
  EXPECT_EQ(xpath(told("start"), "count(/domain/@id | //interface/target)"), "0");
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_EQ(xpath(told("stopped"), "count(/domain/@id | //interface/target)"), "2");
  EXPECT_EQ(told("release"), dump(domain, VIR_DOMAIN_XML_INACTIVE));
}

// TearDown sees that nothing is left.
TEST_F(HookTest, RefusalUndoesTheStart) {
  for (const std::string moment : {"prepare", "start", "started"}) {
    install("[ $2 != " + moment + " ]");
    const Domain domain = define(moment);
    EXPECT_TRUE(fails_with(VIR_ERR_HOOK_SCRIPT_FAILED, virDomainCreate(domain))) << moment;
    EXPECT_EQ(state_of(domain), VIR_DOMAIN_SHUTOFF);
    EXPECT_EQ(exists(daemon_->root() + "/started.xml"), moment == "started") << "not asked after a refusal";
  }
}

}  // namespace
