// The administrator's hook programs: when they run, with what, and what their refusal means.
#include "driver/hooks.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "driver/harness.hpp"

namespace {

namespace fs = std::filesystem;
using test::domain_xml;
using testing::ElementsAre;

class HooksTest : public test::DaemonFixture {
 protected:
  /// A shell script; `place` is "" for the program itself, or a name in its ".d" directory.
  void install(const std::string& place, const std::string& script) const {
    const std::string path = daemon_.paths().hooks + (place.empty() ? "" : ".d/" + place);
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
    fs::permissions(path, fs::perms::owner_all);
  }
  std::string notes_file() const { return daemon_.paths().root + "/notes"; }
  /// Each moment, with the domain's id if the XML has one, and `more`.
  void take_notes(const std::string& more = "") const {
    install("",
            "xml=$(cat)\ncase $xml in *\" id='\"*) id=' live' ;; *) id= ;; esac\n"
            "echo \"$1 $2 $3 $4$id\" >> " +
                notes_file() + "\n" + more);
  }
  std::vector<std::string> written() const {
    std::vector<std::string> lines;
    std::ifstream file(notes_file());
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  /// Those since the last time, when no hook is running.
  std::vector<std::string> notes() const {
    auto lines = written();
    fs::remove(notes_file());
    return lines;
  }
  /// The same, once there are `count`.
  std::vector<std::string> await_notes(std::size_t count) const {
    for (int i = 0; i < 2000 && written().size() < count; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return notes();
  }
  static bool running(virDomainPtr domain) { return virDomainIsActive(domain) == 1; }
};

TEST_F(HooksTest, AreToldOfEachMomentInOrder) {
  take_notes();
  const auto domain = define(domain_xml("web"));
  ASSERT_EQ(virDomainCreate(domain), 0) << virGetLastErrorMessage();
  EXPECT_THAT(notes(), ElementsAre("web prepare begin -", "web start begin -", "web started begin - live"));
  ASSERT_EQ(virDomainDestroy(domain), 0);
  EXPECT_THAT(notes(), ElementsAre("web stopped end - live", "web release end -"));
}

TEST_F(HooksTest, ARebootIsAStopAndAStart) {
  const auto domain = define(domain_xml("web"));
  ASSERT_EQ(virDomainCreate(domain), 0);
  take_notes();
  test::end_guest(daemon_.world(), static_cast<int>(virDomainGetID(domain)), {container::ExitCause::Reboot, SIGHUP});
  EXPECT_THAT(await_notes(5), ElementsAre("web stopped end - live", "web release end -", "web prepare begin -",
                                          "web start begin -", "web started begin - live"));
}

TEST_F(HooksTest, MayRefuseAStartAtEachOfItsMoments) {
  const auto domain = define(domain_xml("web"));
  for (const std::string moment : {"prepare", "start", "started"}) {
    take_notes("[ $2 != " + moment + " ] || { echo not today >&2; exit 3; }");
    EXPECT_EQ(virDomainCreate(domain), -1);
    EXPECT_EQ(virGetLastError()->code, VIR_ERR_HOOK_SCRIPT_FAILED);
    EXPECT_EQ(virGetLastErrorMessage(), "Hook script execution failed: '" + daemon_.paths().hooks + " web " + moment +
                                            " begin -' ended with exit status 3: not today");
    EXPECT_FALSE(running(domain));
    const auto told = notes();
    ASSERT_GE(told.size(), 3U);
    EXPECT_THAT(told[told.size() - 2], testing::StartsWith("web stopped end -"));
    EXPECT_EQ(told.back(), "web release end -");
    int state = 0, reason = 0;
    virDomainGetState(domain, &state, &reason, 0);
    EXPECT_EQ(state, VIR_DOMAIN_SHUTOFF);
    EXPECT_EQ(reason, VIR_DOMAIN_SHUTOFF_FAILED);
  }
  take_notes();
  EXPECT_EQ(virDomainCreate(domain), 0) << virGetLastErrorMessage();
}

TEST_F(HooksTest, CannotKeepADomainFromStopping) {
  const auto domain = define(domain_xml("web"));
  ASSERT_EQ(virDomainCreate(domain), 0);
  take_notes("exit 1");
  EXPECT_EQ(virDomainDestroy(domain), 0) << virGetLastErrorMessage();
  EXPECT_THAT(notes(), ElementsAre("web stopped end - live", "web release end -"));
}

TEST_F(HooksTest, HearOfADaemonThatFindsADomainRunning) {
  const auto kept = define(domain_xml("kept")), dropped = define(domain_xml("dropped"));
  ASSERT_EQ(virDomainCreate(kept), 0);
  ASSERT_EQ(virDomainCreate(dropped), 0);
  take_notes("[ \"$1 $2\" != 'dropped reconnect' ]");
  TearDown();
  domains_.clear();
  daemon_.restart();
  conn_ = daemon_.connect();
  EXPECT_THAT(notes(), testing::UnorderedElementsAre("kept reconnect begin - live", "dropped reconnect begin - live",
                                                     "dropped stopped end - live", "dropped release end -"));
  const auto again = keep(virDomainLookupByName(conn_, "kept")), gone = keep(virDomainLookupByName(conn_, "dropped"));
  EXPECT_TRUE(running(again));
  EXPECT_FALSE(running(gone));
}

TEST_F(HooksTest, AllOfADirectoryRunInByteOrderAfterTheProgram) {
  for (const char* name : {"b", "B", "a"}) install(name, std::string("echo ") + name + " $2 >> " + notes_file());
  install("", "echo first $2 >> " + notes_file());
  install("not-executable", "echo never >> " + notes_file());
  fs::permissions(daemon_.paths().hooks + ".d/not-executable", fs::perms::owner_read);
  const auto domain = define(domain_xml("web"));
  install("a", "echo a $2 >> " + notes_file() + "; exit 1");
  EXPECT_EQ(virDomainCreate(domain), -1) << "a refuses, and b is not asked";
  EXPECT_THAT(notes(), ElementsAre("first prepare", "B prepare", "a prepare", "first stopped", "B stopped", "a stopped",
                                   "first release", "B release", "a release"));
}

}  // namespace
