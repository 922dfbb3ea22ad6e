// The daemon through libvirt's own client, over a backend in memory: every rule that needs no kernel.
#include <sys/resource.h>

#include <gtest/gtest.h>
#include <libvirt/virterror.h>
#include <csignal>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "driver/harness.hpp"

namespace {

using test::DaemonInProcess;
using test::domain_xml;

int last_code() {
  const virErrorPtr error = virGetLastError();
  return error ? error->code : VIR_ERR_OK;
}

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

class DaemonTest : public test::DaemonFixture {
 protected:
  std::pair<int, int> state(virDomainPtr domain) {
    int state = -1, reason = -1;
    EXPECT_EQ(virDomainGetState(domain, &state, &reason, 0), 0) << virGetLastErrorMessage();
    return {state, reason};
  }
  std::pair<int, int> wait_for_state(virDomainPtr domain, int wanted) {
    eventually([&] { return state(domain).first == wanted; });
    return state(domain);
  }
};

using StateReason = std::pair<int, int>;

TEST_F(DaemonTest, ConnectionAnswers) {
  EXPECT_STREQ(virConnectGetType(conn_), "LXC");
  char* uri = virConnectGetURI(conn_);
  ASSERT_NE(uri, nullptr);
  EXPECT_TRUE(std::string(uri).starts_with("lxcell:///system"));
  free(uri);
  unsigned long version = 0;
  EXPECT_EQ(virConnectGetVersion(conn_, &version), 0);
  EXPECT_EQ(version, 6001000u);
  EXPECT_EQ(virConnectIsSecure(conn_), 1);
  EXPECT_EQ(virConnectIsAlive(conn_), 1);
  EXPECT_GE(virConnectGetMaxVcpus(conn_, "lxc"), 1);
}

TEST_F(DaemonTest, WrongPathIsRefused) {
  const std::string uri = "lxcell:///session?socket=" + daemon_.paths().socket_rw;
  EXPECT_EQ(virConnectOpen(uri.c_str()), nullptr);
  EXPECT_EQ(last_code(), VIR_ERR_INTERNAL_ERROR);
}

TEST_F(DaemonTest, LifecycleStatesAndReasons) {
  const virDomainPtr domain = define(domain_xml("web"));
  EXPECT_EQ(state(domain), StateReason(VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_UNKNOWN));
  EXPECT_EQ(virDomainGetID(domain), static_cast<unsigned>(-1));
  ASSERT_EQ(virDomainCreate(domain), 0) << virGetLastErrorMessage();
  EXPECT_EQ(state(domain), StateReason(VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED));
  EXPECT_EQ(virDomainCreate(domain), -1);
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_INVALID);
  EXPECT_EQ(virDomainResume(domain), -1);
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_INVALID);
  ASSERT_EQ(virDomainSuspend(domain), 0);
  ASSERT_EQ(virDomainSuspend(domain), 0);
  EXPECT_EQ(state(domain), StateReason(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER));
  ASSERT_EQ(virDomainResume(domain), 0);
  EXPECT_EQ(state(domain), StateReason(VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNPAUSED));
  ASSERT_EQ(virDomainDestroy(domain), 0);
  EXPECT_EQ(state(domain), StateReason(VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_DESTROYED));
  for (const auto call : {virDomainDestroy, virDomainSuspend, virDomainResume, virDomainShutdown}) {
    EXPECT_EQ(call(domain), -1);
    EXPECT_EQ(last_code(), VIR_ERR_OPERATION_INVALID);
  }
}

TEST_F(DaemonTest, DefineRules) {
  const std::string uuid = "<uuid>00112233-4455-6677-8899-aabbccddeeff</uuid>";
  define(domain_xml("a", uuid));
  define(domain_xml("a", uuid));  // same name, same uuid: replaced
  EXPECT_EQ(virDomainDefineXML(conn_, domain_xml("b", uuid).c_str()), nullptr);
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_FAILED);
  EXPECT_EQ(virGetLastError()->domain, VIR_FROM_DOMAIN);
  EXPECT_EQ(virDomainDefineXML(conn_, domain_xml("a").c_str()), nullptr);
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_FAILED);
  EXPECT_EQ(virConnectNumOfDefinedDomains(conn_), 1);
}

TEST_F(DaemonTest, TransientDomainVanishesWhenItStops) {
  const virDomainPtr domain = keep(virDomainCreateXML(conn_, domain_xml("t").c_str(), 0));
  EXPECT_EQ(virDomainIsPersistent(domain), 0);
  EXPECT_EQ(virDomainUndefine(domain), -1);
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_INVALID);
  EXPECT_EQ(virDomainSetAutostart(domain, 1), -1);
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_INVALID);
  ASSERT_EQ(virDomainDestroy(domain), 0);
  EXPECT_EQ(virDomainLookupByName(conn_, "t"), nullptr);
  EXPECT_EQ(last_code(), VIR_ERR_NO_DOMAIN);
  int state = 0;
  EXPECT_EQ(virDomainGetState(domain, &state, nullptr, 0), -1);
  EXPECT_EQ(last_code(), VIR_ERR_NO_DOMAIN);
}

TEST_F(DaemonTest, FailedStartLeavesFailedReasonAndNoTransient) {
  daemon_.world().refuse = {"bad", "worse"};
  const virDomainPtr domain = define(domain_xml("bad"));
  EXPECT_EQ(virDomainCreate(domain), -1);
  EXPECT_EQ(last_code(), VIR_ERR_INTERNAL_ERROR);
  EXPECT_NE(std::string(virGetLastErrorMessage()).find("'bad' is refused"), std::string::npos);
  EXPECT_EQ(state(domain), StateReason(VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_FAILED));
  EXPECT_EQ(virDomainCreateXML(conn_, domain_xml("worse").c_str(), 0), nullptr);
  EXPECT_EQ(virDomainLookupByName(conn_, "worse"), nullptr);
}

TEST_F(DaemonTest, CreateFromXmlOnPersistentKeepsItsDefinition) {
  const std::string uuid = "<uuid>00112233-4455-6677-8899-aabbccddeeff</uuid>";
  define(domain_xml("p", uuid));
  const virDomainPtr running = keep(virDomainCreateXML(conn_, domain_xml("p", uuid + "<title>now</title>").c_str(), 0));
  char* live = virDomainGetXMLDesc(running, 0);
  char* config = virDomainGetXMLDesc(running, VIR_DOMAIN_XML_INACTIVE);
  EXPECT_NE(std::string(live).find("<title>now</title>"), std::string::npos);
  EXPECT_EQ(std::string(config).find("<title>now</title>"), std::string::npos);
  free(live);
  free(config);
  ASSERT_EQ(virDomainDestroy(running), 0);
  EXPECT_EQ(virDomainIsPersistent(running), 1);
}

TEST_F(DaemonTest, UndefineOfRunningMakesItTransient) {
  const virDomainPtr domain = define(domain_xml("u"));
  ASSERT_EQ(virDomainCreate(domain), 0);
  ASSERT_EQ(virDomainUndefine(domain), 0);
  EXPECT_EQ(virDomainIsPersistent(domain), 0);
  ASSERT_EQ(virDomainDestroy(domain), 0);
  EXPECT_EQ(virDomainLookupByName(conn_, "u"), nullptr);
}

TEST_F(DaemonTest, ListFilters) {
  const virDomainPtr on = define(domain_xml("on"));
  define(domain_xml("off"));
  keep(virDomainCreateXML(conn_, domain_xml("tr").c_str(), 0));
  ASSERT_EQ(virDomainCreate(on), 0);
  ASSERT_EQ(virDomainSuspend(on), 0);
  const auto names = [&](unsigned flags) {
    virDomainPtr* list = nullptr;
    const int count = virConnectListAllDomains(conn_, &list, flags);
    std::set<std::string> found;
    for (int i = 0; i < count; ++i) {
      found.insert(virDomainGetName(list[i]));
      virDomainFree(list[i]);
    }
    free(list);
    return found;
  };
  using Names = std::set<std::string>;
  EXPECT_EQ(names(0), Names({"on", "off", "tr"}));
  EXPECT_EQ(names(VIR_CONNECT_LIST_DOMAINS_ACTIVE), Names({"on", "tr"}));
  EXPECT_EQ(names(VIR_CONNECT_LIST_DOMAINS_INACTIVE), Names({"off"}));
  EXPECT_EQ(names(VIR_CONNECT_LIST_DOMAINS_TRANSIENT), Names({"tr"}));
  EXPECT_EQ(names(VIR_CONNECT_LIST_DOMAINS_PAUSED), Names({"on"}));
  EXPECT_EQ(names(VIR_CONNECT_LIST_DOMAINS_PAUSED | VIR_CONNECT_LIST_DOMAINS_SHUTOFF), Names({"on", "off"}));
  EXPECT_EQ(names(VIR_CONNECT_LIST_DOMAINS_OTHER), Names());
  EXPECT_EQ(names(VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE), Names());
  EXPECT_EQ(names(VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT), Names({"on", "off", "tr"}));
  EXPECT_EQ(virConnectListAllDomains(conn_, nullptr, 1u << 30), -1);
  EXPECT_EQ(last_code(), VIR_ERR_INVALID_ARG);
  EXPECT_EQ(virConnectNumOfDomains(conn_), 2);
  EXPECT_EQ(virConnectNumOfDefinedDomains(conn_), 1);
}

TEST_F(DaemonTest, InitsEndDecidesTheReason) {
  const struct {
    container::ExitRecord exit;
    int reason;
  } rows[] = {
      {{container::ExitCause::Exited, 0}, VIR_DOMAIN_SHUTOFF_SHUTDOWN},
      {{container::ExitCause::Exited, 3 << 8}, VIR_DOMAIN_SHUTOFF_CRASHED},
      {{container::ExitCause::Exited, SIGKILL}, VIR_DOMAIN_SHUTOFF_CRASHED},
      {{container::ExitCause::PowerOff, SIGINT}, VIR_DOMAIN_SHUTOFF_SHUTDOWN},
      {{container::ExitCause::SupervisorLost, 0}, VIR_DOMAIN_SHUTOFF_FAILED},
  };
  const virDomainPtr domain = define(domain_xml("e"));
  for (const auto& row : rows) {
    ASSERT_EQ(virDomainCreate(domain), 0) << virGetLastErrorMessage();
    test::end_guest(daemon_.world(), static_cast<int>(virDomainGetID(domain)), row.exit);
    EXPECT_EQ(wait_for_state(domain, VIR_DOMAIN_SHUTOFF), StateReason(VIR_DOMAIN_SHUTOFF, row.reason));
  }
}

TEST_F(DaemonTest, ShutdownFallsThroughToTheSignalInitUnderstands) {
  const virDomainPtr domain = define(domain_xml("s"));
  ASSERT_EQ(virDomainCreate(domain), 0);
  test::Guest& guest = daemon_.guest(domain);
  ASSERT_EQ(virDomainShutdown(domain), 0);
  EXPECT_EQ(guest.signals, std::vector<int>({SIGTERM}));
  EXPECT_EQ(virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_INITCTL), -1);
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_UNSUPPORTED);
  EXPECT_EQ(virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN), -1);
  EXPECT_EQ(last_code(), VIR_ERR_INVALID_ARG);
  guest.init_kind = container::InitKind::Systemd;
  ASSERT_EQ(virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_SIGNAL), 0);
  EXPECT_EQ(guest.signals.back(), SIGRTMIN + 4);
  ASSERT_EQ(virDomainReboot(domain, 0), 0);
  EXPECT_EQ(guest.signals.back(), SIGRTMIN + 5);
  guest.init_kind = container::InitKind::Busybox;
  ASSERT_EQ(virDomainShutdown(domain), 0);
  EXPECT_EQ(guest.signals.back(), SIGUSR2) << "its SIGTERM would be a reboot";
  ASSERT_EQ(virDomainReboot(domain, 0), 0);
  EXPECT_EQ(guest.signals.back(), SIGTERM);
  guest.has_initctl = true;
  ASSERT_EQ(virDomainShutdown(domain), 0);
  ASSERT_EQ(virDomainReboot(domain, VIR_DOMAIN_REBOOT_INITCTL), 0);
  EXPECT_EQ(guest.runlevels, "06");
}

TEST_F(DaemonTest, RestartedDaemonFindsRunningPausedAndEndedDomains) {
  const virDomainPtr runs = define(domain_xml("runs"));
  const virDomainPtr paused = define(domain_xml("paused"));
  const virDomainPtr ended = define(domain_xml("ended"));
  for (const virDomainPtr domain : {runs, paused, ended}) ASSERT_EQ(virDomainCreate(domain), 0);
  ASSERT_EQ(virDomainSuspend(paused), 0);
  ASSERT_EQ(virDomainSetAutostart(runs, 1), 0);
  const unsigned id = virDomainGetID(runs);
  daemon_.guest(ended).exit = container::ExitRecord{container::ExitCause::Exited, 3 << 8};
  TearDown();
  domains_.clear();
  daemon_.restart();
  conn_ = daemon_.connect();
  const virDomainPtr found = keep(virDomainLookupByName(conn_, "runs"));
  EXPECT_EQ(virDomainGetID(found), id);
  EXPECT_EQ(state(found).first, VIR_DOMAIN_RUNNING);
  int autostart = 0;
  ASSERT_EQ(virDomainGetAutostart(found, &autostart), 0);
  EXPECT_EQ(autostart, 1);
  const virDomainPtr still_paused = keep(virDomainLookupByName(conn_, "paused"));
  EXPECT_EQ(state(still_paused).first, VIR_DOMAIN_PAUSED);  // D4
  EXPECT_EQ(virDomainResume(still_paused), 0);
  const virDomainPtr crashed = keep(virDomainLookupByName(conn_, "ended"));
  EXPECT_EQ(wait_for_state(crashed, VIR_DOMAIN_SHUTOFF), StateReason(VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_CRASHED));
}

TEST_F(DaemonTest, AutodestroyEndsWithItsConnection) {
  const virConnectPtr owner = daemon_.connect();
  const virDomainPtr theirs = virDomainCreateXML(owner, domain_xml("ad").c_str(), VIR_DOMAIN_START_AUTODESTROY);
  ASSERT_NE(theirs, nullptr) << virGetLastErrorMessage();
  EXPECT_EQ(virConnectNumOfDomains(conn_), 1);
  virDomainFree(theirs);
  virConnectClose(owner);
  EXPECT_TRUE(eventually([&] { return virConnectNumOfDomains(conn_) == 0; }));
}

TEST_F(DaemonTest, ReadOnlyConnectionCannotChangeOrSeeSecrets) {
  define(domain_xml("ro"));
  const virConnectPtr reader = daemon_.connect(true);
  ASSERT_NE(reader, nullptr) << virGetLastErrorMessage();
  const virDomainPtr domain = virDomainLookupByName(reader, "ro");
  ASSERT_NE(domain, nullptr);
  for (const auto call : {virDomainCreate, virDomainDestroy, virDomainUndefine, virDomainShutdown}) {
    EXPECT_EQ(call(domain), -1);
    EXPECT_EQ(last_code(), VIR_ERR_OPERATION_DENIED);
  }
  EXPECT_EQ(virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_SECURE), nullptr);
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_DENIED);
  virDomainFree(domain);
  virConnectClose(reader);
}

TEST_F(DaemonTest, UnimplementedCallsSayWhichApi) {
  const virDomainPtr domain = define(domain_xml("n"));
  EXPECT_EQ(virDomainManagedSave(domain, 0), -1);
  EXPECT_EQ(last_code(), VIR_ERR_NO_SUPPORT);
  EXPECT_NE(std::string(virGetLastErrorMessage()).find("virDomainManagedSave"), std::string::npos);
  EXPECT_EQ(virConnectIsAlive(conn_), 1);
}

// known-defects D1: the stock daemon dies of this question, even from a read-only client.
TEST_F(DaemonTest, D1_SchedulerParametersOfAShutOffDomain) {
  define(domain_xml("d1", "<cputune><shares>512</shares></cputune>"));
  const virConnectPtr reader = daemon_.connect(true);
  const virDomainPtr domain = virDomainLookupByName(reader, "d1");
  int count = 0;
  char* type = virDomainGetSchedulerType(domain, &count);
  EXPECT_STREQ(type, "posix");
  EXPECT_EQ(count, 4);
  free(type);
  virTypedParameter params[4];
  ASSERT_EQ(virDomainGetSchedulerParameters(domain, params, &count), 0) << virGetLastErrorMessage();
  EXPECT_STREQ(params[0].field, "cpu_shares");
  EXPECT_EQ(params[0].value.ul, 512u);
  virDomainFree(domain);
  virConnectClose(reader);
}

TEST_F(DaemonTest, FailedDefineKeepsThePreviousDefinition) {
  const std::string uuid = "<uuid>00112233-4455-6677-8899-aabbccddeeff</uuid>";
  define(domain_xml("keep", uuid));
  // setrlimit(2): no file can be written, neither the journal nor the definition.
  const auto before_signal = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit none{0, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &none);
  const virDomainPtr failed = virDomainDefineXML(conn_, domain_xml("keep", uuid + "<title>new</title>").c_str());
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, before_signal);
  EXPECT_EQ(failed, nullptr);
  EXPECT_EQ(last_code(), VIR_ERR_SYSTEM_ERROR);
  const virDomainPtr domain = keep(virDomainLookupByName(conn_, "keep"));
  char* xml = virDomainGetXMLDesc(domain, 0);
  EXPECT_EQ(std::string(xml).find("<title>"), std::string::npos);
  free(xml);
}

TEST_F(DaemonTest, QuestionsWhileADomainStartsAndStopsAreAnswered) {
  const virDomainPtr domain = define(domain_xml("busy", "<title>t</title>"));
  const virConnectPtr reader = daemon_.connect(true);
  std::atomic<bool> over = false;
  std::thread asking([&] {
    const virDomainPtr same = virDomainLookupByName(reader, "busy");
    while (!over) {
      free(virDomainGetMetadata(same, VIR_DOMAIN_METADATA_TITLE, nullptr, 0));
      free(virDomainGetXMLDesc(same, 0));
      virTypedParameter params[3];
      int count = 3;
      virDomainGetSchedulerParameters(same, params, &count);
    }
    virDomainFree(same);
  });
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(virDomainCreate(domain), 0) << virGetLastErrorMessage();
    ASSERT_EQ(virDomainDestroy(domain), 0) << virGetLastErrorMessage();
  }
  over = true;
  asking.join();
  EXPECT_EQ(virConnectIsAlive(reader), 1);
  virConnectClose(reader);
}

TEST_F(DaemonTest, WhatAnInterruptedWriteLeftIsRemoved) {
  const std::string left[] = {daemon_.paths().run + "/x.status.new", daemon_.paths().definitions + "/x.xml.new"};
  TearDown();
  conn_ = nullptr;
  for (const auto& path : left) std::ofstream(path) << "half";
  daemon_.restart();
  for (const auto& path : left) EXPECT_FALSE(std::filesystem::exists(path)) << path;
}

TEST_F(DaemonTest, Metadata) {
  const virDomainPtr domain = define(domain_xml("m"));
  ASSERT_EQ(virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_TITLE, "a title", nullptr, nullptr, 0), 0);
  char* title = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_TITLE, nullptr, 0);
  EXPECT_STREQ(title, "a title");
  free(title);
  ASSERT_EQ(virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, "<x a='1'/>", "k", "urn:k", 0), 0)
      << virGetLastErrorMessage();
  char* element = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, "urn:k", 0);
  ASSERT_NE(element, nullptr) << virGetLastErrorMessage();
  EXPECT_NE(std::string(element).find("<x"), std::string::npos);
  free(element);
  EXPECT_EQ(virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, "urn:none", 0), nullptr);
  EXPECT_EQ(last_code(), VIR_ERR_NO_DOMAIN_METADATA);
}

TEST_F(DaemonTest, ConsoleStreamDeliversOutputThenEnds) {
  const virDomainPtr domain = define(domain_xml("c"));
  virStreamPtr stream = virStreamNew(conn_, 0);
  EXPECT_EQ(virDomainOpenConsole(domain, nullptr, stream, 0), -1);
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_INVALID);
  virStreamFree(stream);
  ASSERT_EQ(virDomainCreate(domain), 0);
  stream = virStreamNew(conn_, 0);
  EXPECT_EQ(virDomainOpenConsole(domain, "nosuch", stream, 0), -1);
  EXPECT_EQ(last_code(), VIR_ERR_INTERNAL_ERROR);
  EXPECT_NE(std::string(virGetLastErrorMessage()).find("nosuch"), std::string::npos);
  virStreamFree(stream);
  stream = virStreamNew(conn_, 0);
  ASSERT_EQ(virDomainOpenConsole(domain, "console0", stream, 0), 0) << virGetLastErrorMessage();
  std::string text;
  char buffer[64];
  for (int got = 1; got > 0;) {
    got = virStreamRecv(stream, buffer, sizeof buffer);
    if (got > 0) text.append(buffer, static_cast<std::size_t>(got));
  }
  EXPECT_EQ(text, "hello from memory\n");
  EXPECT_EQ(virStreamFinish(stream), 0) << virGetLastErrorMessage();
  virStreamFree(stream);
}

TEST(SecondDaemon, OnTheSameRootIsRefusedByName) {
  char pattern[] = "/tmp/lxcell-lock-XXXXXX";
  const std::string root = ::mkdtemp(pattern);
  const auto paths = driver::Paths::below(root, "lxcell");
  {
    const base::Fd lock = driver::lock_root(paths);
    try {
      driver::lock_root(paths);
      ADD_FAILURE() << "a second lock was given";
    } catch (const base::Error& error) {
      EXPECT_NE(error.detail().find("another virtlxcelld"), std::string::npos);
      EXPECT_NE(error.detail().find(std::to_string(::getpid())), std::string::npos);
    }
  }
  EXPECT_NO_THROW(driver::lock_root(paths));
  std::filesystem::remove_all(root);
}

}  // namespace
