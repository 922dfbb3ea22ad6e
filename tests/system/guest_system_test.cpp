// What a running container's own files say, and what is written into them, from outside: also where its image is
// hostile.
#include <sys/stat.h>

#include <filesystem>

#include "support/fixture.hpp"
#include "support/typed_params.hpp"

namespace {

using namespace support;

constexpr unsigned kFirstId = 300000;
const char* const kIdMap =
    "<idmap><uid start='0' target='300000' count='65536'/><gid start='0' target='300000' count='65536'/></idmap>";

class GuestSystemTest : public SystemTest {
 protected:
  void SetUp() override {
    SKIP_ON_STOCK("nothing is asked inside the container");
    root_.write("etc/os-release", "ID=lxcelltest\nPRETTY_NAME=\"A test's own\"\n");
    root_.write("etc/shadow", "root:!:1:0:99999:7:::\nada:*:1:0:99999:7:::\n");
    ::chmod((root_ / "etc/shadow").c_str(), 0640);
  }
  Domain start(const std::string& elements = "") {
    auto definition = xml("guest", root_);
    definition.elements = elements;
    Domain domain = define_and_start(definition);
    EXPECT_TRUE(root_.wait_ready());
    return domain;
  }
  static TypedValues info(virDomainPtr domain, unsigned types) {
    virTypedParameterPtr params = nullptr;
    int count = 0;
    EXPECT_TRUE(ok(virDomainGetGuestInfo(domain, types, &params, &count, 0)));
    auto values = typed_values(params, count);
    virTypedParamsFree(params, count);
    return values;
  }
  Rootfs root_;
};

TEST_F(GuestSystemTest, ItsFilesAndNamespacesAnswer) {
  const Domain domain = start();
  auto os = info(domain, VIR_DOMAIN_GUEST_INFO_OS);
  EXPECT_EQ(os["os.id"], TypedValue(std::string("lxcelltest")));
  EXPECT_EQ(os["os.pretty-name"], TypedValue(std::string("A test's own")));
  auto file_systems = info(domain, VIR_DOMAIN_GUEST_INFO_FILESYSTEM);
  EXPECT_EQ(file_systems["fs.0.mountpoint"], TypedValue(std::string("/")));
  EXPECT_TRUE(file_systems.contains("fs.0.total-bytes"));
  virDomainFSInfoPtr* list = nullptr;
  const int count = virDomainGetFSInfo(domain, &list, 0);
  ASSERT_GE(count, 1);
  EXPECT_STREQ(list[0]->mountpoint, "/");
  for (int i = 0; i < count; ++i) {
    EXPECT_FALSE(std::string(list[i]->mountpoint).starts_with("/proc")) << list[i]->mountpoint;
    virDomainFSInfoFree(list[i]);
  }
  free(list);
}

TEST_F(GuestSystemTest, AHostileImageLeadsNowhere) {
  const std::string secret = make_folder("secret") + "/os-release";
  write_text(secret, "ID=secret-of-the-host\n");
  root_.remove("etc/os-release");
  std::filesystem::create_symlink(std::string("../../../../../../../..") + secret, root_ / "etc/os-release");
  {
    const Domain domain = start();
    EXPECT_FALSE(info(domain, VIR_DOMAIN_GUEST_INFO_OS).contains("os.id"));
    root_.remove("etc/os-release");
    ASSERT_EQ(::mkfifo((root_ / "etc/os-release").c_str(), 0644), 0);
    EXPECT_FALSE(info(domain, VIR_DOMAIN_GUEST_INFO_OS).contains("os.id")) << "nor is a FIFO waited for";
    root_.remove("etc/shadow");
    const std::string shadow = make_folder("secret") + "/shadow";
    write_text(shadow, "root:!:1:::::\n");
    std::filesystem::create_symlink(std::string("../../../../../../../..") + shadow, root_ / "etc/shadow");
    EXPECT_EQ(virDomainSetUserPassword(domain, "root", "secret", 0), -1);
    EXPECT_EQ(read_text(shadow), "root:!:1:::::\n");
  }
}

TEST_F(GuestSystemTest, PasswordsAreSetInTheContainersShadow) {
  const Domain domain = start();
  ASSERT_TRUE(ok(virDomainSetUserPassword(domain, "ada", "$6$salt$hash", VIR_DOMAIN_PASSWORD_ENCRYPTED)));
  const std::string shadow = root_.read("etc/shadow");
  EXPECT_TRUE(shadow.starts_with("root:!:1:0:99999:7:::\nada:$6$salt$hash:")) << shadow;
  struct stat facts {};
  ASSERT_EQ(::stat((root_ / "etc/shadow").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0640u);
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_FAILED, virDomainSetUserPassword(domain, "nobody-here", "x", 0)));
  EXPECT_EQ(root_.read("etc/shadow"), shadow);
  ASSERT_TRUE(ok(virDomainSetUserPassword(domain, "root", "plain", 0)));
  EXPECT_TRUE(root_.read("etc/shadow").starts_with("root:$6$")) << "never as it was given";
}

TEST_F(GuestSystemTest, AMappedRootWritesWhatIsItsOwnAndNothingElse) {
  root_.give_to(kFirstId);
  const Domain domain = start(kIdMap);
  ASSERT_TRUE(ok(virDomainSetUserPassword(domain, "ada", "$6$salt$hash", VIR_DOMAIN_PASSWORD_ENCRYPTED)));
  struct stat facts {};
  ASSERT_EQ(::stat((root_ / "etc/shadow").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_uid, kFirstId);
  EXPECT_EQ(info(domain, VIR_DOMAIN_GUEST_INFO_OS)["os.id"], TypedValue(std::string("lxcelltest")));
  ASSERT_EQ(::chown((root_ / "etc").c_str(), 0, 0), 0);  // now it is the host's, as a folder bound there would be
  ASSERT_EQ(::chown((root_ / "etc/shadow").c_str(), 0, 0), 0);
  const std::string before = root_.read("etc/shadow");
  EXPECT_TRUE(fails_with(VIR_ERR_SYSTEM_ERROR, virDomainSetUserPassword(domain, "root", "x", 0)));
  EXPECT_EQ(last_failure().message, "cannot open '/etc/shadow': Permission denied");
  EXPECT_EQ(root_.read("etc/shadow"), before);
}

TEST_F(GuestSystemTest, TheHostsFileSystemsAreNotFrozen) {
  const Domain domain = start();
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_UNSUPPORTED, virDomainFSFreeze(domain, nullptr, 0, 0)));
  const char* root = "/";
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, virDomainFSFreeze(domain, &root, 1, 0)));
  root_.write("still-writable", "yes");
}

TEST_F(GuestSystemTest, ItsOwnAreFrozenUntilTheyThawOrItEnds) {
  if (!have_program("mkfs.ext4") || !have_program("losetup")) GTEST_SKIP() << "needs mkfs.ext4 and losetup";
  const std::string image = make_folder("freeze") + "/image";
  const Output made =
      shell("truncate -s 16M " + image + " && mkfs.ext4 -q -F " + image + " && losetup -f --show " + image);
  if (made.status != 0) GTEST_SKIP() << "no loop device: " << made.text;
  const std::string device = made.text.substr(0, made.text.find('\n'));
  std::filesystem::create_directories(root_ / "own");
  {
    const Domain domain = start();
    const std::string process = "/proc/" + std::to_string(init_pid(domain));
    const Output bound = shell("nsenter --mount=" + process + "/ns/mnt --root=" + process +
                               "/root /bin/busybox sh -c \"/bin/busybox mknod /loop b $(stat -c '%Hr %Lr' " + device +
                               ") && /bin/busybox mount -t ext4 /loop /own\"");
    ASSERT_EQ(bound.status, 0) << bound.text;
    EXPECT_EQ(virDomainFSFreeze(domain, nullptr, 0, 0), 1) << describe(last_failure());
    EXPECT_EQ(virDomainFSFreeze(domain, nullptr, 0, 0), 0) << "it is already";
    EXPECT_EQ(virDomainFSThaw(domain, nullptr, 0, 0), 1);
    EXPECT_EQ(virDomainFSThaw(domain, nullptr, 0, 0), 0);
    const char* own = "/own";
    EXPECT_EQ(virDomainFSFreeze(domain, &own, 1, 0), 1);
    EXPECT_TRUE(ok(virDomainDestroy(domain))) << "though it was frozen";
  }
  EXPECT_TRUE(eventually([&] {
    return shell("losetup -d " + device).status == 0 && shell("losetup " + device).status != 0;
  })) << "nothing holds it";
}

}  // namespace
