// User namespaces: one image for containers with different ids, images that cannot be shifted, ids by default.
#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>

#include "support/fixture.hpp"

namespace {

using namespace support;
namespace fs = std::filesystem;

std::string map_to(unsigned target) {
  const std::string range = " start='0' target='" + std::to_string(target) + "' count='65536'/>";
  return "  <idmap><uid" + range + "<gid" + range + "</idmap>\n";
}

unsigned owner(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status.st_uid;
}

class SharedImageTest : public SystemTest {
 protected:
  void SetUp() override { SKIP_ON_STOCK("N11: never shifts an image"); }

  DomainXml saying(const std::string& name, const std::string& root, const std::string& elements) const {
    auto definition = xml(name, root_);
    definition.root = root;
    definition.init = "/bin/sh";
    definition.arguments = {"-c", "stat -c %u /bin >/seen-$LIBVIRT_LXC_NAME; echo end; exec sleep 100000"};
    definition.elements = elements;
    return definition;
  }
  static bool says_end(virDomainPtr domain) {
    const auto console = Console::open(domain);
    return console && console->wait_for("end\r\n");
  }

  Rootfs root_;
};

TEST_F(SharedImageTest, OneImageForContainersWithDifferentIds) {
  for (const unsigned target : {700000U, 800000U}) {
    const std::string name = "map-" + std::to_string(target);
    const Domain domain = define_and_start(saying(name, root_.path(), map_to(target)));
    ASSERT_TRUE(says_end(domain));
    EXPECT_EQ(status_value(init_pid(domain), "Uid").substr(0, 6), std::to_string(target));
    EXPECT_EQ(root_.read("seen-" + own_name(name)), "0\n");
    EXPECT_EQ(owner(root_ / ("seen-" + own_name(name))), 0U) << "on disk all is root's";
  }
}

TEST_F(SharedImageTest, AnImageThatCannotBeShiftedIsNamedAndMayBeGivenAway) {
  // An overlay made by the host: the kernel shifts its layers, never the whole.
  const std::string layers = make_folder("layers"), image = layers + "/image";
  for (const char* folder : {"/upper", "/work", "/image"}) fs::create_directory(layers + folder);
  const std::string options = "lowerdir=" + root_.path() + ",upperdir=" + layers + "/upper,workdir=" + layers + "/work";
  ASSERT_EQ(::mount("overlay", image.c_str(), "overlay", 0, options.c_str()), 0);
  const Domain domain = define(saying("unshifted", image, map_to(700000)));
  EXPECT_EQ(virDomainCreate(domain), -1);
  EXPECT_NE(last_failure().message.find("cannot idmap mount '" + image + "', whose file system"), std::string::npos)
      << describe(last_failure());
  ASSERT_EQ(::chown(image.c_str(), 700000, 700000), 0);
  EXPECT_EQ(virDomainCreate(domain), 0) << describe(last_failure()) << ": its owner is one of the container's";
  EXPECT_TRUE(says_end(domain));
  EXPECT_EQ(virDomainDestroy(domain), 0);
  EXPECT_EQ(owner(layers + "/upper/seen-" + own_name("unshifted")), 700000U);
  EXPECT_EQ(::umount(image.c_str()), 0);
}

TEST_F(SharedImageTest, ByDefaultWhereTheConfigurationSaysSo) {
  Daemon daemon(make_folder("idmap"));
  fs::create_directories(daemon.root() + "/etc/libvirt");
  write_text(daemon.root() + "/etc/libvirt/virtlxcelld.conf", "default_idmap = \"auto\"\n");
  for (const char* file : {"/etc/subuid", "/etc/subgid"}) write_text(daemon.root() + file, "root:900000:196608\n");
  daemon.start();
  const Connection connection(virConnectOpen(daemon.uri().c_str()));
  ASSERT_TRUE(connection) << describe(last_failure());
  const auto define_here = [&](const DomainXml& definition) {
    return Domain(virDomainDefineXML(connection, definition.text().c_str()));
  };
  const auto start_of = [](virDomainPtr domain) {
    return xpath(dump(domain, VIR_DOMAIN_XML_INACTIVE), "string(//*[local-name()='container']/*/@start)");
  };
  const Domain first = define_here(saying("first", root_.path(), "")),
               second = define_here(saying("second", root_.path(), "")),
               own = define_here(saying("own", root_.path(), map_to(700000))),
               host = define_here(saying("host", root_.path(),
                                         "  <lxcell:container xmlns:lxcell='urn:lxcell:domain:1.0'>"
                                         "<lxcell:idmap mode='none'/></lxcell:container>\n"));
  ASSERT_TRUE(first && second && own && host) << describe(last_failure());
  EXPECT_EQ(start_of(first), "900000");
  EXPECT_EQ(start_of(second), "965536");
  EXPECT_EQ(start_of(own) + start_of(host), "") << "they have said what they want";
  for (const auto& [domain, uid] : {std::pair<virDomainPtr, const char*>{first, "900000"},
                                    {second, "965536"},
                                    {own, "700000"},
                                    {host, "0\t0\t0\t0"}}) {
    ASSERT_EQ(virDomainCreate(domain), 0) << describe(last_failure());
    EXPECT_TRUE(says_end(domain));
    EXPECT_EQ(status_value(init_pid(domain), "Uid").find(uid), 0U) << uid;
  }
  const Domain clone = define_here(saying("clone", root_.path(),
                                          "  <lxcell:container xmlns:lxcell='urn:lxcell:domain:1.0'>"
                                          "<lxcell:idmap start='900000'/></lxcell:container>\n"));
  EXPECT_EQ(start_of(clone), "1031072") << "a copy of a definition names the original's ids";
  auto again = saying("first", root_.path(), "");
  again.uuid = uuid_of(first);
  again.memory_kib *= 2;
  ASSERT_TRUE(define_here(again)) << describe(last_failure());
  EXPECT_EQ(start_of(first), "900000") << "its own for as long as it is defined";
}

}  // namespace
