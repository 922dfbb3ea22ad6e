// What lxcell-import makes of folders of configurations; real-tools.sh does the same with what the real programs make.
#include "importer/sources.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "importer/convert.hpp"
#include "importer/lxc_lines.hpp"
#include "importer/report.hpp"

namespace {

using namespace importer;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace files = std::filesystem;

class SourcesTest : public testing::Test {
 protected:
  SourcesTest() {
    std::string name = files::temp_directory_path() / "importer-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~SourcesTest() override { files::remove_all(folder_); }
  /// Writes a file below the test's folder and returns its path.
  std::string write(const std::string& name, const std::string& text) const {
    const files::path path = files::path(folder_) / name;
    files::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }
  std::string folder_;
};

TEST_F(SourcesTest, LinesOfIncludedFilesKeepTheirPlace) {
  const std::string inner = write("d/b.conf", "lxc.signal.halt = SIGPWR\n");
  write("d/a.conf", "# nothing\n");
  write("d/other.txt", "lxc.ephemeral = 1\n");
  const std::string file = write("config", "lxc.include = " + folder_ + "/d\nlxc.uts.name = web\nlxc.start.auto = 1\n");
  const LxcLines lines = read_lxc_files(file);
  EXPECT_EQ(lines.text, "# nothing\nlxc.signal.halt = SIGPWR\nlxc.uts.name = web\n");
  EXPECT_TRUE(lines.autostart);
  EXPECT_EQ(lines.place("line 2: lxc.signal.halt = SIGPWR: not converted"),
            inner + ":1: lxc.signal.halt = SIGPWR: not converted");
  EXPECT_EQ(lines.place("line 9: x"), "line 9: x");
  EXPECT_EQ(lines.place("no memory limit"), "no memory limit");
}

TEST_F(SourcesTest, AFileThatIsMissingIsALossAndACycleAnError) {
  const LxcLines lines = read_lxc_files(write("config", "lxc.include = /no/such/file\nlxc.mount.fstab = /no/fstab\n"));
  EXPECT_THAT(lines.unread, ElementsAre(HasSubstr("config:1: lxc.include = /no/such/file: "), HasSubstr("config:2: ")));
  EXPECT_FALSE(lines.autostart);
  EXPECT_THROW(read_lxc_files(write("loop", "lxc.include = " + folder_ + "/loop\n")), base::Error);
}

TEST_F(SourcesTest, FstabBecomesMounts) {
  const std::string fstab = write("fstab", "# comment\n\n/srv srv none ro,bind 0 0\n");
  write("web/config", "lxc.rootfs.path = /r\nlxc.net.0.type = empty\nlxc.mount.fstab = " + fstab + "\n");
  const auto list = find_lxc({folder_, {}});
  ASSERT_EQ(list.size(), 1u);
  EXPECT_THAT(list[0].kept, Contains("file system /srv from /srv, read-only"));
  EXPECT_EQ(list[0].name, "web");
  EXPECT_FALSE(list[0].autostart);
}

TEST_F(SourcesTest, AHostNameThatIsNotTheContainersIsALoss) {
  write("web/config", "lxc.rootfs.path = /r\nlxc.uts.name = www\nlxc.net.0.type = empty\n");
  const auto list = find_lxc({folder_, {"web"}});
  EXPECT_THAT(list[0].xml, HasSubstr("<name>web</name>"));
  EXPECT_THAT(list[0].lost, Contains(HasSubstr("host name 'www'")));
}

TEST_F(SourcesTest, OneFaultyContainerDoesNotKeepTheOthers) {
  write("bad/config", "lxc.arch = pdp11\nlxc.rootfs.path = /r\n");
  write("good/config", "lxc.rootfs.path = /r\nlxc.cgroup2.memory.max = 32M\n");
  const auto list = find_lxc({folder_, {}});
  ASSERT_EQ(list.size(), 2u);
  EXPECT_THAT(list[0].problem, HasSubstr("lxc.arch = pdp11"));
  EXPECT_THAT(list[0].xml, IsEmpty());
  EXPECT_THAT(list[1].problem, IsEmpty());
  EXPECT_THAT(list[1].kept, Contains("32 MiB of memory"));
  EXPECT_THROW(find_lxc({folder_ + "/none", {}}), base::Error);
}

TEST_F(SourcesTest, ABundlesRelativePathsAreItsOwn) {
  write("b/rootfs/usr/bin/serve", "");
  write(
      "b/config.json",
      R"({"ociVersion":"1.0.0","root":{"path":"rootfs"},"process":{"args":["serve","-v"],"env":["PATH=/bin:/usr/bin"],)"
      R"("cwd":"/"}})");
  const auto list = find_oci({folder_ + "/b/"}, "");
  ASSERT_EQ(list[0].problem, "");
  EXPECT_EQ(list[0].name, "b");
  EXPECT_THAT(list[0].xml, HasSubstr("<source dir='" + folder_ + "/b/rootfs'/>"));
  EXPECT_THAT(list[0].xml, HasSubstr("<init>/usr/bin/serve</init>"));
  EXPECT_EQ(find_oci({folder_ + "/b"}, "job")[0].name, "job");
  EXPECT_THAT(find_oci({folder_}, "")[0].problem, HasSubstr("config.json"));
}

TEST_F(SourcesTest, OfLibvirtsDefinitionsWhatDoesNotComeBackIsALoss) {
  const std::string xml =
      "<domain type='lxc'>\n  <name>web</name>\n  <uuid>11111111-2222-3333-4444-555555555555</uuid>\n"
      "  <memory unit='KiB'>65536</memory>\n  <os>\n    <type arch='x86_64'>exe</type>\n    <init>/sbin/init</init>\n"
      "  </os>\n  <future/>\n  <devices>\n    <emulator>/usr/lib/libvirt/libvirt_lxc</emulator>\n"
      "    <console type='pty'/>\n  </devices>\n</domain>\n";
  write("web.xml", "<!--\nWARNING\n-->\n" + xml);
  files::create_directory(folder_ + "/autostart");
  files::create_symlink(folder_ + "/web.xml", folder_ + "/autostart/web.xml");
  const auto list = find_libvirt({folder_, {}});
  ASSERT_EQ(list.size(), 1u);
  ASSERT_EQ(list[0].problem, "");
  EXPECT_TRUE(list[0].autostart);
  EXPECT_THAT(list[0].lost, Contains("<future/>"));
  EXPECT_THAT(list[0].lost, Contains(HasSubstr("share_host_network")));
  EXPECT_THAT(list[0].lost, Contains(HasSubstr("share_host_root")));
  EXPECT_THAT(list[0].lost, testing::Not(Contains(HasSubstr("emulator"))));
  EXPECT_THAT(list[0].xml, HasSubstr("11111111-2222-3333-4444-555555555555"));
  EXPECT_THAT(find_libvirt({folder_, {"none"}})[0].problem, HasSubstr("none.xml"));
}

TEST(ReportTest, SaysWhatWasKeptAndWhatWasNot) {
  Found found{.name = "web", .origin = "/x/config", .xml = "<domain/>", .autostart = true, .running = true};
  found.kept = {"64 MiB of memory"};
  found.lost = {"line"};
  EXPECT_EQ(format_report(found, "taken over"),
            "web: taken over\n  from /x/config\n  it is running there: stop it before it is started here\n"
            "  kept: starts with the host\n  kept: 64 MiB of memory\n  lost: line\n");
  EXPECT_EQ(format_report({.name = "x", .origin = "/y", .problem = "bad"}, "left out: bad"),
            "x: left out: bad\n  from /y\n");
}

}  // namespace
