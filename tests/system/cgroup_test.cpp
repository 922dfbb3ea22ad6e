// Limits as the kernel has them, and ids mapped by a user namespace.
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "support/fixture.hpp"

namespace {

using namespace support;

class CgroupTest : public SystemTest {};

TEST_F(CgroupTest, MemoryLimitIsTheMemoryElement) {
  Rootfs root;
  DomainXml definition = xml("limits", root);
  definition.memory_kib = 48 * 1024;
  const Domain domain = create(definition);
  EXPECT_EQ(control_file(domain, "memory/memory.limit_in_bytes", "memory.max"),
            std::to_string(48 * 1024 * 1024) + "\n");
}

TEST_F(CgroupTest, SharesWeighContainersAgainstEachOther) {
  Rootfs root;
  const auto weight = [&](const std::string& word, int shares) {
    DomainXml definition = xml(word, root);
    definition.elements = "  <cputune><shares>" + std::to_string(shares) + "</shares></cputune>\n";
    const Domain domain = create(definition);
    return std::atof(control_file(domain, "cpu/cpu.shares", "cpu.weight").c_str());
  };
  const double light = weight("light", 256);
  const double heavy = weight("heavy", 2048);
  EXPECT_GT(light, 0);
  EXPECT_NEAR(heavy / light, 8.0, 1.0) << light << " and " << heavy;
}

TEST_F(CgroupTest, FreezerHoldsWhileSuspended) {
  Rootfs root;
  const Domain domain = create(xml("limits", root));
  ASSERT_TRUE(ok(virDomainSuspend(domain)));
  EXPECT_TRUE(is_frozen(domain));
  ASSERT_TRUE(ok(virDomainResume(domain)));
  EXPECT_FALSE(is_frozen(domain));
}

TEST_F(CgroupTest, OutOfMemoryInsideHitsOnlyTheCulprit) {
  SKIP_ON_STOCK("the controller lives inside the limit and may be the one that is killed");
  Rootfs root;
  root.set_init(
      "dd if=/dev/zero of=/dev/null bs=100M count=1 2>/dev/null\necho $? > /verdict.new\nmv /verdict.new /verdict\n"
      ": > /ready\nsleep 100000\n");
  DomainXml definition = xml("limits", root);
  definition.memory_kib = 24 * 1024;
  const Domain domain = create(definition);
  ASSERT_TRUE(root.wait_for("verdict"));
  EXPECT_EQ(root.read("verdict"), "137\n") << "killed";
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_RUNNING);
}

TEST_F(CgroupTest, DevicesOutsideThePolicyCannotBeOpened) {
  Rootfs root;
  // /dev/zero and /dev/kmsg under other names: only the policy tells one from the other.
  ASSERT_EQ(mknod((root / "zero").c_str(), S_IFCHR | 0666, makedev(1, 5)), 0);
  ASSERT_EQ(mknod((root / "kmsg").c_str(), S_IFCHR | 0666, makedev(1, 11)), 0);
  root.set_init(
      "{ head -c 1 /zero | wc -c; (exec 3< /kmsg) && echo opened; } > /verdict.new 2>&1\n"
      "mv /verdict.new /verdict\n: > /ready\nsleep 100000\n");
  const Domain domain = create(xml("devices", root));
  ASSERT_TRUE(root.wait_ready());
  const std::string verdict = root.read("verdict");
  EXPECT_EQ(verdict.substr(0, 2), "1\n") << verdict;
  EXPECT_NE(verdict.find("Operation not permitted"), std::string::npos) << verdict;
  EXPECT_EQ(verdict.find("opened"), std::string::npos) << verdict;
}

TEST_F(CgroupTest, DirectoriesGoWithTheContainer) {
  Rootfs root;
  const Domain domain = create(xml("limits", root));
  EXPECT_FALSE(cgroups_of(own_name("limits")).empty());
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_TRUE(eventually([] { return cgroups_of(own_name("limits")).empty(); }));
}

class IdMapTest : public SystemTest {
 protected:
  static constexpr unsigned kFirst = 200000;
  static DomainXml mapped(const Rootfs& root) {
    DomainXml definition = xml("mapped", root);
    definition.elements = R"(  <idmap>
    <uid start='0' target='200000' count='65536'/>
    <gid start='0' target='200000' count='65536'/>
  </idmap>
)";
    return definition;
  }
};

TEST_F(IdMapTest, RootInsideIsSomebodyOutside) {
  Rootfs root;
  root.set_init("id -u > /who.new\necho mine > /mine\nmv /who.new /who\n" + std::string(init::kObedient));
  root.give_to(kFirst);
  const Domain domain = create(mapped(root));
  ASSERT_TRUE(root.wait_ready());
  EXPECT_EQ(root.read("who"), "0\n");
  const pid_t init = init_pid(domain);
  EXPECT_EQ(status_value(init, "Uid"), "200000\t200000\t200000\t200000");
  EXPECT_NE(proc_link(init, "ns/user"), proc_link(getpid(), "ns/user"));
  EXPECT_NE(proc_file(init, "uid_map").find("200000"), std::string::npos);
  EXPECT_NE(proc_file(init, "gid_map").find("65536"), std::string::npos);
  struct stat status = {};
  ASSERT_EQ(stat((root / "mine").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, kFirst);
  for (const char* node : {"null", "console", "pts"}) {
    ASSERT_EQ(stat(("/proc/" + std::to_string(init) + "/root/dev/" + node).c_str(), &status), 0) << node;
    EXPECT_EQ(status.st_uid, kFirst) << node;
  }
  EXPECT_TRUE(ok(virDomainDestroy(domain)));
}

TEST_F(IdMapTest, ConsoleAndShutdownWorkThere) {
  Rootfs root(init::kEcho);
  root.give_to(kFirst);
  const Domain domain = define_and_start(mapped(root));
  const auto console = Console::open(domain);
  ASSERT_TRUE(console);
  ASSERT_TRUE(root.wait_ready() && wait_for_init(domain));
  console->type("mapped\n");
  EXPECT_TRUE(console->wait_for("echo: mapped")) << console->text();
  ASSERT_TRUE(ok(virDomainSendProcessSignal(domain, 1, VIR_DOMAIN_PROCESS_SIGNAL_KILL, 0)));
  EXPECT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF));
}

TEST_F(IdMapTest, HalfAMapIsRefused) {
  DomainXml definition = xml("mapped");
  definition.elements = "  <idmap><uid start='0' target='200000' count='1'/></idmap>\n";
  EXPECT_TRUE(fails_with(VIR_ERR_CONFIG_UNSUPPORTED, virDomainDefineXML(connection_, definition.text().c_str())));
  definition.elements =
      "  <idmap><uid start='1' target='200000' count='1'/><gid start='1' target='200000' count='1'/></idmap>\n";
  EXPECT_TRUE(fails_with(VIR_ERR_CONFIG_UNSUPPORTED, virDomainDefineXML(connection_, definition.text().c_str())));
}

}  // namespace
