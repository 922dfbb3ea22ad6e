// Descriptors that a client opens and init gets (virsh start --pass-fds), as for socket activation.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "support/fixture.hpp"

namespace {

using namespace support;

class GivenDescriptorTest : public SystemTest {
 protected:
  void SetUp() override {
    folder_ = make_folder("given");
    for (const char* name : {"first", "second"}) write_text(folder_ + "/" + name, std::string("the ") + name + "\n");
    root_.set_init(
        "cat <&3 > /answer.new; cat <&4 >> /answer.new\n"
        "echo \"$LISTEN_FDS $LISTEN_PID\" >> /answer.new\n"
        "for fd in 5 6 7 8 9; do [ -e /proc/1/fd/$fd ] && readlink /proc/1/fd/$fd >> /answer.new; done\n"
        "mv /answer.new /answer\nsleep 100000\n");
  }
  /// Open descriptors of the folder's files, high first: their own numbers must not matter.
  struct Files {
    explicit Files(const std::string& folder)
        : numbers{open((folder + "/first").c_str(), O_RDONLY | O_CLOEXEC),
                  open((folder + "/second").c_str(), O_RDONLY | O_CLOEXEC)} {}
    ~Files() {
      for (const int fd : numbers) close(fd);
    }
    Files(const Files&) = delete;
    Files& operator=(const Files&) = delete;
    int numbers[2];
  };

  Rootfs root_;
  std::string folder_;
};

TEST_F(GivenDescriptorTest, InitHasThemFromThreeOnInTheirOrder) {
  Files files(folder_);
  const Domain domain = define(xml("given-fds", root_));
  ASSERT_TRUE(ok(virDomainCreateWithFiles(domain, 2, files.numbers, 0)));
  ASSERT_TRUE(root_.wait_for("answer"));
  EXPECT_EQ(root_.read("answer"), host().is_stock() ? "the first\nthe second\n \n" : "the first\nthe second\n2 1\n");
}

TEST_F(GivenDescriptorTest, ATransientDomainHasThemToo) {
  Files files(folder_);
  std::swap(files.numbers[0], files.numbers[1]);
  const Domain domain(
      virDomainCreateXMLWithFiles(connection_, xml("given-fds", root_).text().c_str(), 2, files.numbers, 0));
  ASSERT_TRUE(domain) << describe(last_failure());
  ASSERT_TRUE(root_.wait_for("answer"));
  EXPECT_EQ(root_.read("answer").substr(0, 21), "the second\nthe first\n");
}

TEST_F(GivenDescriptorTest, ASocketIsServedByTheContainer) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  root_.set_init("read -r word <&3; echo \"$word back\" >&3; sleep 100000\n");
  const Domain domain = define(xml("given-fds", root_));
  ASSERT_TRUE(ok(virDomainCreateWithFiles(domain, 1, &pair[1], 0)));
  close(pair[1]);
  ASSERT_EQ(write(pair[0], "there\n", 6), 6);
  char answer[16] = {};
  EXPECT_EQ(recv(pair[0], answer, 11, MSG_WAITALL), 11);
  EXPECT_STREQ(answer, "there back\n");
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_EQ(recv(pair[0], answer, 1, 0), 0) << "nobody else has kept it";
  close(pair[0]);
}

TEST_F(GivenDescriptorTest, WithoutThemNothingIsSaidOfThem) {
  root_.set_init(
      "env | grep -c LISTEN > /answer.new\n"
      "for fd in 3 4 5 6 7 8 9; do [ -e /proc/1/fd/$fd ] && echo $fd >> /answer.new; done\n"
      "mv /answer.new /answer\nsleep 100000\n");
  const Domain domain = define_and_start(xml("given-fds", root_));
  ASSERT_TRUE(root_.wait_for("answer"));
  EXPECT_EQ(root_.read("answer"), "0\n");
}

}  // namespace
