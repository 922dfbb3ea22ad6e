#include "base/fd.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.hpp"
#include "base/pid_fd.hpp"

namespace {

using base::Fd;

class TemporaryDirectory : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/lxcell-base-XXXXXX";
    path_ = ::mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(path_); }
  std::string path_;
};

TEST(Fd, MoveAssignmentClosesWhatItHeld) {
  Fd a(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int first = a.get();
  a = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_NE(a.get(), first);
  EXPECT_EQ(::fcntl(first, F_GETFD), -1);
}

TEST(Fd, DescriptorsAreCloseOnExec) {
  const Fd opened = base::open_file("/dev/null", O_RDONLY);
  EXPECT_TRUE(::fcntl(opened.get(), F_GETFD) & FD_CLOEXEC);
  EXPECT_TRUE(::fcntl(opened.duplicate().get(), F_GETFD) & FD_CLOEXEC);
}

TEST_F(TemporaryDirectory, ReplaceFileLeavesNoTemporary) {
  base::replace_file(path_ + "/a", "one", 0600);
  base::replace_file(path_ + "/a", "two", 0600);
  EXPECT_EQ(base::read_file(path_ + "/a"), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path_), {}), 1);
  struct stat info {};
  ASSERT_EQ(::stat((path_ + "/a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(TemporaryDirectory, ReplaceFileKeepsTheOldOneWhenItCannotWrite) {
  base::replace_file(path_ + "/a", "one", 0600);
  ASSERT_EQ(::symlink("/dev/full", (path_ + "/a.new").c_str()), 0);  // O_NOFOLLOW refuses it
  EXPECT_THROW(base::replace_file(path_ + "/a", "two", 0600), base::Error);
  EXPECT_EQ(base::read_file(path_ + "/a"), "one");
}

TEST(OpenFile, NamesThePathItCannotOpen) {
  try {
    base::open_file("/nonexistent/file", O_RDONLY);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::SystemError);
    EXPECT_EQ(error.message(), "cannot open '/nonexistent/file': No such file or directory");
  }
}

TEST(PidFd, SeesAChildEndAndReapsIt) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(7);
  const auto fd = base::PidFd::open(child);
  ASSERT_TRUE(fd);
  EXPECT_TRUE(fd->wait_exit(5000));
  EXPECT_EQ(fd->reap(), 7 << 8);
  EXPECT_FALSE(fd->signal(0));
}

TEST(PidFd, StartTimeTellsProcessesApart) {
  EXPECT_GT(base::process_start_time(::getpid()), 0u);
  EXPECT_EQ(base::process_start_time(0x7ffffff0), 0u);
}

}  // namespace
