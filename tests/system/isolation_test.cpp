// What a container cannot do to its host, tried from inside by its init, whom all of its confinement holds.
#include <sys/mount.h>

#include "support/fixture.hpp"

namespace {

using namespace support;

class IsolationTest : public SystemTest {
 protected:
  void SetUp() override { SKIP_ON_STOCK("confines little"); }
};

/// A file system of the host, empty and without anybody who writes to it.
class HostFileSystem {
 public:
  HostFileSystem() : path_(make_folder("host-fs")) {
    if (::mount("tmpfs", path_.c_str(), "tmpfs", 0, nullptr) != 0) throw std::runtime_error("cannot mount a tmpfs");
  }
  ~HostFileSystem() { ::umount2(path_.c_str(), MNT_DETACH); }
  HostFileSystem(const HostFileSystem&) = delete;
  HostFileSystem& operator=(const HostFileSystem&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST_F(IsolationTest, AFileSystemOfTheHostCannotBeRemounted) {
  const HostFileSystem data;
  Rootfs root(
      "mount -o remount,ro /data && echo done > /result || echo refused > /result\n"
      "mount -o remount,bind,ro /data && echo done > /bind || echo refused > /bind\n"
      "exec sleep 100000\n");
  DomainXml definition = xml("remount", root);
  definition.devices = mount_filesystem(data.path(), "/data");
  const Domain domain = create(definition);
  EXPECT_TRUE(root.wait_for_text("result", "refused\n"));
  EXPECT_TRUE(root.wait_for_text("bind", "done\n")) << "its own mount is its own affair";
  write_text(data.path() + "/file", "text");
  EXPECT_EQ(read_text(data.path() + "/file"), "text");
}

}  // namespace
