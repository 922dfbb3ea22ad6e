// A daemon that comes back to containers it cannot take over at once.
#include "driver/recovery.hpp"

#include <gtest/gtest.h>
#include <libvirt/virterror.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/fd.hpp"
#include "driver/harness.hpp"

namespace {

using test::domain_xml;

bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

class RecoveryTest : public test::DaemonFixture {
 protected:
  /// `status`: what the state file of "one" says meanwhile.
  void restart(const std::optional<std::string>& status = {}) {
    TearDown();
    domains_.clear();
    if (status) std::ofstream(status_file("one")) << *status;
    daemon_.restart();
    conn_ = daemon_.connect();
    ASSERT_NE(conn_, nullptr) << virGetLastErrorMessage();
  }
  virDomainPtr find(const std::string& name) { return keep(virDomainLookupByName(conn_, name.c_str())); }
  void refuse_to_adopt(const std::string& name, bool refuse) {
    const std::scoped_lock lock(daemon_.world().mutex);
    daemon_.world().refuse_to_adopt.clear();
    if (refuse) daemon_.world().refuse_to_adopt.insert(name);
  }
  std::string status_file(const std::string& name) const { return daemon_.paths().run + "/" + name + ".status"; }
};

TEST_F(RecoveryTest, AContainerThatCannotBeTakenOverIsTriedAgainAndTheOthersAreManaged) {
  const virDomainPtr one = define(domain_xml("one")), other = define(domain_xml("other"));
  ASSERT_EQ(virDomainCreate(one), 0);
  ASSERT_EQ(virDomainCreate(other), 0);
  const unsigned id = virDomainGetID(one);
  refuse_to_adopt("one", true);
  restart();
  EXPECT_EQ(virDomainIsActive(find("other")), 1);
  const virDomainPtr found = find("one");
  EXPECT_EQ(virDomainIsActive(found), 0);
  const auto starts = daemon_.world().starts;
  EXPECT_EQ(virDomainCreate(found), -1) << "its container would be there twice";
  EXPECT_NE(std::string(virGetLastErrorMessage()).find("refused"), std::string::npos) << virGetLastErrorMessage();
  EXPECT_EQ(virDomainRename(found, "two", 0), -1) << "and under the new name too";
  EXPECT_EQ(daemon_.world().starts, starts);
  refuse_to_adopt("one", false);
  EXPECT_TRUE(eventually([&] { return virDomainIsActive(found) == 1; })) << "it is not tried again";
  EXPECT_EQ(virDomainGetID(find("one")), id);  // a client keeps a number that it has
  EXPECT_EQ(virDomainDestroy(found), 0) << virGetLastErrorMessage();
  EXPECT_EQ(virDomainCreate(found), 0) << virGetLastErrorMessage();
}

TEST_F(RecoveryTest, AContainerThatEndsBeforeItCanBeTakenOverIsOver) {
  const virDomainPtr one = define(domain_xml("one"));
  ASSERT_EQ(virDomainCreate(one), 0);
  daemon_.guest(one).exit = container::ExitRecord{container::ExitCause::Exited, 0};
  refuse_to_adopt("one", true);
  restart();
  EXPECT_EQ(virDomainCreate(find("one")), -1);
  refuse_to_adopt("one", false);
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(status_file("one")); }));
  EXPECT_TRUE(eventually([&] { return virDomainCreate(find("one")) == 0; })) << virGetLastErrorMessage();
}

TEST_F(RecoveryTest, ANewerDaemonsContainerIsLeftToIt) {
  const virDomainPtr one = define(domain_xml("one"));
  ASSERT_EQ(virDomainCreate(one), 0);
  restart("version=1000\n\n");
  EXPECT_EQ(virDomainCreate(find("one")), -1);
  EXPECT_NE(std::string(virGetLastErrorMessage()).find("newer"), std::string::npos) << virGetLastErrorMessage();
  EXPECT_TRUE(std::filesystem::exists(status_file("one")));
}

/// The state file's lines are damaged, or what it says of the domain, or all of it.
TEST_F(RecoveryTest, AContainerWhoseStateFileIsDamagedIsAsked) {
  const virDomainPtr one = define(domain_xml("one"));
  ASSERT_EQ(virDomainCreate(one), 0);
  const unsigned id = virDomainGetID(one);
  const std::string good = base::read_file(status_file("one"));
  for (const std::string& damaged :
       {"x\n" + good, std::string(good).replace(good.find("supervisor_pid"), 3, "x"), good.substr(0, good.size() / 2),
        good.substr(0, good.find("\n\n") + 9), std::string()}) {
    restart(damaged);
    const virDomainPtr found = find("one");
    EXPECT_EQ(virDomainIsActive(found), 1);
    EXPECT_EQ(virDomainGetID(found), id);
    EXPECT_EQ(base::read_file(status_file("one") + ".damaged"), damaged);
    EXPECT_NE(base::read_file(status_file("one")).find("supervisor_pid=" + std::to_string(id)), std::string::npos);
  }
  EXPECT_EQ(virDomainDestroy(find("one")), 0) << virGetLastErrorMessage();
  EXPECT_EQ(virDomainCreate(find("one")), 0) << virGetLastErrorMessage();
}

TEST_F(RecoveryTest, ADamagedContainerWithoutDefinitionIsHadOnceItIsDefined) {
  keep(virDomainCreateXML(conn_, domain_xml("one").c_str(), 0));
  restart("nonsense");
  EXPECT_EQ(virDomainLookupByName(conn_, "one"), nullptr);
  const auto starts = daemon_.world().starts;
  EXPECT_EQ(virDomainCreateXML(conn_, domain_xml("one").c_str(), 0), nullptr) << "two would share its files";
  EXPECT_NE(std::string(virGetLastErrorMessage()).find("kill -KILL"), std::string::npos) << virGetLastErrorMessage();
  EXPECT_EQ(daemon_.world().starts, starts);
  restart();
  EXPECT_EQ(virDomainCreateXML(conn_, domain_xml("one").c_str(), 0), nullptr) << "nor does another daemon forget it";
  EXPECT_EQ(daemon_.world().starts, starts);
  const virDomainPtr defined = define(domain_xml("one"));
  EXPECT_TRUE(eventually([&] { return virDomainIsActive(defined) == 1; }));
}

TEST_F(RecoveryTest, ADamagedStateFileOfAContainerThatIsGoneHoldsUpNothing) {
  const virDomainPtr one = define(domain_xml("one"));
  ASSERT_EQ(virDomainCreate(one), 0);
  ASSERT_EQ(virDomainDestroy(one), 0);
  restart("nonsense");
  EXPECT_EQ(virDomainIsActive(find("one")), 0);
  EXPECT_EQ(virDomainCreate(find("one")), 0) << virGetLastErrorMessage();
}

}  // namespace
