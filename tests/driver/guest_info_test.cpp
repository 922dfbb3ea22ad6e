// What an agent would tell of a guest, asked of a guest that lives in memory.
#include <libvirt/libvirt-lxc.h>

#include <atomic>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "driver/harness.hpp"

namespace test {
namespace {

class GuestInfo : public DaemonFixture {
 protected:
  void SetUp() override {
    DaemonFixture::SetUp();
    domain_ = define(domain_xml("box"));
    ASSERT_EQ(virDomainCreate(domain_), 0);
  }
  std::map<std::string, std::string> info(unsigned types) {
    virTypedParameterPtr params = nullptr;
    int count = 0;
    std::map<std::string, std::string> found;
    EXPECT_EQ(virDomainGetGuestInfo(domain_, types, &params, &count, 0), 0) << virGetLastErrorMessage();
    for (int i = 0; i < count; ++i) {
      const auto& one = params[i];
      if (one.type == VIR_TYPED_PARAM_STRING) found[one.field] = one.value.s;
      if (one.type == VIR_TYPED_PARAM_UINT) found[one.field] = std::to_string(one.value.ui);
      if (one.type == VIR_TYPED_PARAM_INT) found[one.field] = std::to_string(one.value.i);
      if (one.type == VIR_TYPED_PARAM_ULLONG) found[one.field] = std::to_string(one.value.ul);
    }
    virTypedParamsFree(params, count);
    return found;
  }
  static int last_code() { return virGetLastError() ? virGetLastError()->code : 0; }

  virDomainPtr domain_ = nullptr;
};

TEST_F(GuestInfo, FilesAndNamespacesAnswer) {
  Guest& guest = daemon_.guest(domain_);
  guest.files.os_release = "ID=alpine\nPRETTY_NAME=\"Alpine Linux v3\"\n";
  guest.file_systems = {{"/dev/vda1", "/", "ext4", 254, 1, 1000, 250}, {"tmpfs", "/run", "tmpfs", 0, 40, {}, {}}};
  guest.links_inside = {{"lo", std::nullopt, {{false, "127.0.0.1", 8}}}};
  auto all = info(0);
  EXPECT_EQ(all["os.id"], "alpine");
  EXPECT_EQ(all["os.pretty-name"], "Alpine Linux v3");
  EXPECT_FALSE(all["os.kernel-release"].empty());
  EXPECT_EQ(all["timezone.name"], "UTC");
  EXPECT_EQ(all["timezone.offset"], "0");
  EXPECT_EQ(all["hostname"], "inside");
  EXPECT_EQ(all["user.count"], "0");
  EXPECT_EQ(all["fs.count"], "2");
  EXPECT_EQ(all["fs.0.mountpoint"], "/");
  EXPECT_EQ(all["fs.0.used-bytes"], "250");
  EXPECT_FALSE(all.contains("fs.1.total-bytes")) << "it did not say";
  EXPECT_EQ(all["if.0.addr.0.addr"], "127.0.0.1");
  EXPECT_EQ(all["if.0.addr.0.prefix"], "8");
}

TEST_F(GuestInfo, OnlyWhatIsAskedFor) {
  const auto hostname = info(VIR_DOMAIN_GUEST_INFO_HOSTNAME);
  EXPECT_EQ(hostname.size(), 1u);
  virTypedParameterPtr params = nullptr;
  int count = 0;
  EXPECT_EQ(virDomainGetGuestInfo(domain_, 1u << 20, &params, &count, 0), -1);
  EXPECT_EQ(last_code(), VIR_ERR_ARGUMENT_UNSUPPORTED);
  ASSERT_EQ(virDomainDestroy(domain_), 0);
  EXPECT_EQ(virDomainGetGuestInfo(domain_, 0, &params, &count, 0), -1);
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_INVALID);
}

TEST_F(GuestInfo, PasswordsAreHashedBeforeTheyLeave) {
  ASSERT_EQ(virDomainSetUserPassword(domain_, "root", "secret", 0), 0) << virGetLastErrorMessage();
  EXPECT_TRUE(daemon_.guest(domain_).passwords.at("root").starts_with("$6$"));
  ASSERT_EQ(virDomainSetUserPassword(domain_, "root", "$6$salt$hash", VIR_DOMAIN_PASSWORD_ENCRYPTED), 0);
  EXPECT_EQ(daemon_.guest(domain_).passwords.at("root"), "$6$salt$hash");
  for (const char* hash : {"a:b", "a\nb"}) {
    EXPECT_EQ(virDomainSetUserPassword(domain_, "root", hash, VIR_DOMAIN_PASSWORD_ENCRYPTED), -1);
    EXPECT_EQ(last_code(), VIR_ERR_INVALID_ARG);
  }
  EXPECT_EQ(virDomainSetUserPassword(domain_, "root:x", "a", 0), -1);
  EXPECT_EQ(last_code(), VIR_ERR_INVALID_ARG);
}

TEST_F(GuestInfo, TheClockIsTheHosts) {
  long long seconds = 0;
  unsigned nanoseconds = 0;
  timespec before{}, after{};
  ::clock_gettime(CLOCK_REALTIME, &before);
  ASSERT_EQ(virDomainGetTime(domain_, &seconds, &nanoseconds, 0), 0);
  ::clock_gettime(CLOCK_REALTIME, &after);
  EXPECT_GE(seconds, before.tv_sec);
  EXPECT_LE(seconds, after.tv_sec);
  EXPECT_EQ(virDomainSetTime(domain_, 0, 0, VIR_DOMAIN_TIME_SYNC), 0);
  EXPECT_EQ(virDomainSetTime(domain_, 5, 0, 0), -1);
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_UNSUPPORTED);
}

TEST_F(GuestInfo, NoJobIsEverThere) {
  virDomainJobInfo job{};
  ASSERT_EQ(virDomainGetJobInfo(domain_, &job), 0);
  EXPECT_EQ(job.type, VIR_DOMAIN_JOB_NONE);
  const auto stats = [&](unsigned flags) {
    int type = -1, count = -1;
    virTypedParameterPtr list = nullptr;
    if (virDomainGetJobStats(domain_, &type, &list, &count, flags) < 0) return -last_code();
    virTypedParamsFree(list, count);
    return type * 100 + count;
  };
  constexpr unsigned kCompleted = VIR_DOMAIN_JOB_STATS_COMPLETED, kKeep = VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED;
  for (const unsigned flags : {0u, kCompleted, kCompleted | kKeep})
    EXPECT_EQ(stats(flags), VIR_DOMAIN_JOB_NONE) << flags << ": no figures either";
  EXPECT_EQ(stats(64), -VIR_ERR_INVALID_ARG);
  EXPECT_EQ(virDomainAbortJob(domain_), -1);
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_INVALID);
  virDomainControlInfo control{};
  ASSERT_EQ(virDomainGetControlInfo(domain_, &control, 0), 0);
  EXPECT_EQ(control.state, static_cast<unsigned>(VIR_DOMAIN_CONTROL_OK));
  ASSERT_EQ(virDomainDestroy(domain_), 0);
  EXPECT_EQ(stats(kCompleted), VIR_DOMAIN_JOB_NONE) << "of the past";
  EXPECT_EQ(stats(0), -VIR_ERR_OPERATION_INVALID);
}

TEST_F(GuestInfo, VcpusAreListedWithoutInventedFigures) {
  virVcpuInfo vcpus[4]{};
  unsigned char map[4]{};
  ASSERT_EQ(virDomainGetVcpus(domain_, vcpus, 4, map, 1), 1) << virGetLastErrorMessage();
  EXPECT_EQ(vcpus[0].state, VIR_VCPU_RUNNING);
  EXPECT_EQ(vcpus[0].cpu, VIR_VCPU_INFO_CPU_UNAVAILABLE);
  EXPECT_EQ(vcpus[0].cpuTime, 0u);
  EXPECT_NE(map[0], 0);
}

class Rename : public DaemonFixture {
 protected:
  static int last_code() { return virGetLastError() ? virGetLastError()->code : 0; }
  int rename(virDomainPtr domain, const char* name) { return virDomainRename(domain, name, 0); }
};

TEST_F(Rename, KeepsEverythingButTheName) {
  const virDomainPtr domain = define(domain_xml("old", "<title>kept</title>"));
  ASSERT_EQ(virDomainSetAutostart(domain, 1), 0);
  ASSERT_EQ(rename(domain, "new"), 0) << virGetLastErrorMessage();
  EXPECT_EQ(virDomainLookupByName(conn_, "old"), nullptr);
  for (int round = 0; round < 2; ++round) {  // and once more by a daemon that reads it from disk
    const virDomainPtr found = keep(virDomainLookupByName(conn_, "new"));
    char before[VIR_UUID_STRING_BUFLEN], after[VIR_UUID_STRING_BUFLEN];
    virDomainGetUUIDString(domain, before);
    virDomainGetUUIDString(found, after);
    EXPECT_STREQ(before, after);
    int autostart = 0;
    virDomainGetAutostart(found, &autostart);
    EXPECT_EQ(autostart, 1);
    char* const title = virDomainGetMetadata(found, VIR_DOMAIN_METADATA_TITLE, nullptr, 0);
    EXPECT_STREQ(title, "kept");
    std::free(title);
    EXPECT_EQ(virConnectNumOfDefinedDomains(conn_), 1);
    if (round > 0) break;
    for (const virDomainPtr one : domains_) virDomainRef(one);
    virConnectClose(conn_);
    daemon_.restart();
    conn_ = daemon_.connect();
  }
}

TEST_F(Rename, EveryListHasTheDomainOnceAndInOrder) {
  const auto names = [](virConnectPtr connection) {
    virDomainPtr* list = nullptr;
    const int count = virConnectListAllDomains(connection, &list, 0);
    std::vector<std::string> found;
    for (int i = 0; i < count; ++i) {
      found.emplace_back(virDomainGetName(list[i]));
      virDomainFree(list[i]);
    }
    std::free(list);
    return found;
  };
  define(domain_xml("middle"));
  virDomainPtr domain = define(domain_xml("a"));
  const virConnectPtr other = daemon_.connect();
  std::atomic<bool> done = false;
  std::set<std::vector<std::string>> seen;
  std::thread watcher([&] {
    while (!done) seen.insert(names(other));
  });
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(rename(domain, i % 2 ? "a" : "z"), 0) << virGetLastErrorMessage();
    domain = keep(virDomainLookupByName(conn_, i % 2 ? "a" : "z"));
  }
  done = true;
  watcher.join();
  virConnectClose(other);
  seen.erase({"a", "middle"});
  seen.erase({"middle", "z"});
  EXPECT_TRUE(seen.empty()) << testing::PrintToString(seen);
  EXPECT_EQ(names(conn_), (std::vector<std::string>{"a", "middle"}));
}

TEST_F(Rename, WhatCannotBeRenamedIsRefused) {
  const virDomainPtr domain = define(domain_xml("one"));
  define(domain_xml("two"));
  for (const char* name : {"two", "one"}) {
    EXPECT_EQ(rename(domain, name), -1);
    EXPECT_EQ(last_code(), VIR_ERR_OPERATION_INVALID);
  }
  EXPECT_EQ(rename(domain, "a/b"), -1);
  EXPECT_EQ(rename(domain, ""), -1);
  ASSERT_EQ(virDomainCreate(domain), 0);
  EXPECT_EQ(rename(domain, "three"), -1);
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_INVALID);
  const virDomainPtr transient = keep(virDomainCreateXML(conn_, domain_xml("fleeting").c_str(), 0));
  EXPECT_EQ(rename(transient, "three"), -1);
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_INVALID);
  EXPECT_EQ(virDomainLookupByName(conn_, "three"), nullptr);
}

TEST_F(Rename, AResetIsAKillAndAStart) {
  const virDomainPtr domain = define(domain_xml("one"));
  EXPECT_EQ(virDomainReset(domain, 0), -1);
  EXPECT_EQ(last_code(), VIR_ERR_OPERATION_INVALID);
  ASSERT_EQ(virDomainCreate(domain), 0);
  const unsigned before = virDomainGetID(domain);
  ASSERT_EQ(virDomainReset(domain, 0), 0) << virGetLastErrorMessage();
  const virDomainPtr again = keep(virDomainLookupByName(conn_, "one"));
  EXPECT_NE(virDomainGetID(again), before);
  EXPECT_EQ(virDomainIsActive(again), 1);
  daemon_.world().refuse.insert("one");
  EXPECT_EQ(virDomainReset(domain, 0), -1);
  EXPECT_EQ(virDomainIsActive(domain), 0);
}

TEST_F(Rename, LifecycleActionsAreSetLiveAndForTheNextBoot) {
  const virDomainPtr domain = define(domain_xml("one"));
  ASSERT_EQ(virDomainSetLifecycleAction(domain, VIR_DOMAIN_LIFECYCLE_REBOOT, VIR_DOMAIN_LIFECYCLE_ACTION_DESTROY, 0),
            0);
  char* const xml = virDomainGetXMLDesc(domain, 0);
  EXPECT_NE(std::string(xml).find("<on_reboot>destroy</on_reboot>"), std::string::npos) << xml;
  std::free(xml);
  EXPECT_EQ(
      virDomainSetLifecycleAction(domain, VIR_DOMAIN_LIFECYCLE_REBOOT, VIR_DOMAIN_LIFECYCLE_ACTION_COREDUMP_RESTART, 0),
      -1);
  EXPECT_EQ(last_code(), VIR_ERR_CONFIG_UNSUPPORTED);
}

}  // namespace
}  // namespace test
