// <lxcell:container>: what libvirt's own elements cannot say, seen from inside.
#include <sys/stat.h>

#include <filesystem>
#include <sstream>

#include "support/fixture.hpp"

namespace {

using namespace support;
namespace fs = std::filesystem;

class ExtensionTest : public SystemTest {
 protected:
  void SetUp() override { SKIP_ON_STOCK("it knows no such element"); }

  DomainXml with(const std::string& children) const {
    auto definition = xml("extension", root_);
    definition.elements =
        "  <lxcell:container xmlns:lxcell='urn:lxcell:domain:1.0'>" + children + "</lxcell:container>\n";
    return definition;
  }
  Domain start(const std::string& children) {
    Domain domain = define_and_start(with(children));
    EXPECT_TRUE(wait_for_init(domain));
    EXPECT_TRUE(eventually([&] { return virDomainIsActive(domain) == 1 && init_pid(domain) > 0; }));
    return domain;
  }
  /// Init is a shell that runs `script` and then stays; a client that enters has no ids in a user namespace.
  static void run_in_init(DomainXml& definition, const std::string& script) {
    definition.init = "/bin/sh";
    definition.arguments = {"-c", script + "; touch /done; exec sleep 100000"};
  }
  static unsigned owner(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status.st_uid;
  }
  /// Where mounts lie, the hidden ones included.
  static std::vector<std::string> mount_points(virDomainPtr domain) {
    std::vector<std::string> points;
    std::istringstream lines(proc_file(init_pid(domain), "mountinfo"));
    for (std::string line, skip, point; std::getline(lines, line);) {
      std::istringstream words(line);
      words >> skip >> skip >> skip >> skip >> point;
      points.push_back(point);
    }
    return points;
  }

  Rootfs root_{init::kObedient};
};

TEST_F(ExtensionTest, OverlayInMemoryLeavesTheImageAlone) {
  const Domain domain = start("<lxcell:overlay size='4' unit='MiB'/>");
  EXPECT_EQ(enter_shell(domain, "echo new >/made && rm /etc/passwd && cat /made").text, "new\n");
  EXPECT_NE(enter_shell(domain, "dd if=/dev/zero of=/big bs=1M count=5").status, 0) << "4 MiB are all there is";
  EXPECT_FALSE(root_.has("made"));
  EXPECT_TRUE(root_.has("etc/passwd"));
  const auto points = mount_points(domain);
  EXPECT_EQ(std::count(points.begin(), points.end(), "/"), 1) << "nothing of the host lies below";
  ASSERT_EQ(virDomainDestroy(domain), 0);
  ASSERT_EQ(virDomainCreate(domain), 0);
  EXPECT_NE(enter_shell(domain, "cat /made").status, 0) << "gone with the run";
}

TEST_F(ExtensionTest, OverlayInADirectoryStays) {
  const std::string changes = make_folder("changes");
  const Domain domain = start("<lxcell:overlay directory='" + changes + "'/>");
  EXPECT_EQ(enter_shell(domain, "echo new >/made").status, 0);
  EXPECT_TRUE(fs::exists(changes + "/upper/made"));
  EXPECT_FALSE(root_.has("made"));
  ASSERT_EQ(virDomainDestroy(domain), 0);
  ASSERT_EQ(virDomainCreate(domain), 0);
  EXPECT_EQ(enter_shell(domain, "cat /made").text, "new\n");
}

TEST_F(ExtensionTest, OverlayDirectoryThatIsMissingIsNamed) {
  const Domain domain = define(with("<lxcell:overlay directory='/no/such/place'/>"));
  EXPECT_EQ(virDomainCreate(domain), -1);
  EXPECT_NE(last_failure().message.find("'/no/such/place'"), std::string::npos) << describe(last_failure());
}

TEST_F(ExtensionTest, OverlayAndIdMapTogether) {
  const std::string changes = make_folder("changes");
  auto definition = with("<lxcell:overlay directory='" + changes + "'/>");
  definition.elements +=
      "  <idmap><uid start='0' target='700000' count='65536'/><gid start='0' target='700000' count='65536'/></idmap>\n";
  run_in_init(definition, "touch /made; chown 5:5 /made; stat -c %u /made /bin/busybox >/seen");
  const Domain domain = define_and_start(definition);
  ASSERT_TRUE(eventually([&] { return fs::exists(changes + "/upper/done"); }));
  EXPECT_EQ(read_text(changes + "/upper/seen"), "5\n0\n");
  EXPECT_EQ(owner(changes + "/upper/made"), 5U) << "on disk as the container sees it";
  EXPECT_EQ(status_value(init_pid(domain), "Uid"), "700000\t700000\t700000\t700000");
  const auto points = mount_points(domain);
  EXPECT_EQ(std::count(points.begin(), points.end(), "/"), 1) << "nothing of the host lies below";
}

TEST_F(ExtensionTest, PidsLimitIsHit) {
  auto definition = with("<lxcell:pids limit='12'/>");
  // A shell that cannot fork ends; the one that started it lives to tell.
  run_in_init(definition,
              "sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do sleep 100 &amp; done' &gt;/seen 2&gt;&amp;1");
  const Domain domain = define_and_start(definition);
  EXPECT_EQ(control_file(domain, "pids/pids.max", "pids.max"), "12\n");
  EXPECT_TRUE(eventually([&] { return root_.read("seen").find("fork") != std::string::npos; })) << root_.read("seen");
}

TEST_F(ExtensionTest, ResourceLimits) {
  const Domain domain = start(
      "<lxcell:rlimit name='nofile' soft='100' hard='200'/><lxcell:rlimit name='core' soft='0' hard='unlimited'/>");
  const std::string limits = proc_file(init_pid(domain), "limits");
  const auto line = [&](const std::string& name) {
    const auto at = limits.find(name);
    std::istringstream words(limits.substr(at + name.size()));
    std::string soft, hard;
    words >> soft >> hard;
    return soft + " " + hard;
  };
  EXPECT_EQ(line("Max open files"), "100 200");
  EXPECT_EQ(line("Max core file size"), "0 unlimited");
}

TEST_F(ExtensionTest, SeccompProfile) {
  const Domain confined = start("");
  EXPECT_EQ(status_value(init_pid(confined), "Seccomp"), "2");
  ASSERT_EQ(virDomainDestroy(confined), 0);
  ASSERT_EQ(virDomainUndefine(confined), 0);
  const Domain open = start("<lxcell:seccomp profile='unconfined'/>");
  EXPECT_EQ(status_value(init_pid(open), "Seccomp"), "0");
}

TEST_F(ExtensionTest, StrictProfile) {
  auto definition = with("<lxcell:seccomp profile='strict'/>");
  run_in_init(definition, "mount -t tmpfs none /mnt; echo mount $? &gt;/seen");
  const Domain domain = define_and_start(definition);
  ASSERT_TRUE(root_.wait_for("done"));
  EXPECT_NE(root_.read("seen"), "mount 0\n");
  EXPECT_EQ(status_value(init_pid(domain), "Seccomp"), "2");
  EXPECT_EQ(status_value(init_pid(domain), "NoNewPrivs"), "1");
}

TEST_F(ExtensionTest, SeccompProfileInAFile) {
  const std::string file = make_folder("profile") + "/web.json";
  const auto profile = [&](const std::string& call) {
    write_text(file, R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [")" + call +
                         R"("], "action": "SCMP_ACT_ERRNO", "errnoRet": 5}]})");
  };
  profile("mkdirat\", \"mkdir");
  auto definition = with("<lxcell:seccomp profile='" + file + "'/>");
  run_in_init(definition, "mkdir /made 2&gt;/seen");
  const Domain domain = define_and_start(definition);
  ASSERT_TRUE(root_.wait_for("done"));
  EXPECT_NE(root_.read("seen").find("Input/output error"), std::string::npos) << root_.read("seen");
  EXPECT_FALSE(root_.has("made"));
  EXPECT_EQ(xpath(dump(domain), "string(//*[local-name()='seccomp']/@profile)"), file);

  ASSERT_EQ(virDomainDestroy(domain), 0);
  root_.remove("done");
  profile("chdir");  // its new content counts
  ASSERT_EQ(virDomainCreate(domain), 0) << describe(last_failure());
  ASSERT_TRUE(root_.wait_for("done"));
  EXPECT_TRUE(root_.has("made"));

  ASSERT_EQ(virDomainDestroy(domain), 0);
  write_text(file, R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []})");
  EXPECT_EQ(virDomainCreate(domain), -1);
  EXPECT_NE(last_failure().message.find("'" + file + "': it does not allow"), std::string::npos)
      << describe(last_failure());
  fs::remove(file);
  EXPECT_EQ(virDomainCreate(domain), -1);
  EXPECT_NE(last_failure().message.find("'" + file + "': No such file"), std::string::npos) << describe(last_failure());
}

TEST_F(ExtensionTest, AutomaticIdMapsNeverOverlapAndStay) {
  NEEDS_OWN_DAEMON();
  const std::string etc = host().daemon()->root() + "/etc";
  for (const char* file : {"/subuid", "/subgid"}) write_text(etc + file, "root:900000:131072\n");
  auto one = with("<lxcell:idmap/>");
  run_in_init(one, "stat -c %u /bin/busybox >/seen");
  const Domain first = define_and_start(one);
  ASSERT_TRUE(root_.wait_for("done"));
  EXPECT_EQ(status_value(init_pid(first), "Uid"), "900000\t900000\t900000\t900000");
  EXPECT_EQ(root_.read("seen"), "0\n");
  EXPECT_EQ(owner(root_ / "seen"), 0U) << "the image stays root's";
  EXPECT_EQ(xpath(dump(first, VIR_DOMAIN_XML_INACTIVE), "string(//*[local-name()='container']/*/@start)"), "900000");

  auto another = with("<lxcell:idmap/>");
  another.name = own_name("extension-other");
  const Domain second = define_and_start(another);
  ASSERT_TRUE(wait_for_init(second));
  EXPECT_EQ(status_value(init_pid(second), "Uid"), "965536\t965536\t965536\t965536");

  auto third = with("<lxcell:idmap/>");
  third.name = own_name("extension-third");
  EXPECT_FALSE(virDomainDefineXML(connection_, third.text().c_str()));
  EXPECT_NE(last_failure().message.find("/etc/subuid"), std::string::npos) << describe(last_failure());
  third = with("<lxcell:idmap start='900001'/>");
  third.name = own_name("extension-third");
  EXPECT_FALSE(virDomainDefineXML(connection_, third.text().c_str())) << "taken";

  auto again = with("<lxcell:idmap/><lxcell:pids limit='100'/>");
  again.uuid = uuid_of(first);
  const Domain redefined = define(again);
  EXPECT_EQ(xpath(dump(redefined, VIR_DOMAIN_XML_INACTIVE), "string(//*[local-name()='container']/*/@start)"), "900000")
      << "its own ids, for as long as it is defined";
  for (const char* file : {"/subuid", "/subgid"}) fs::remove(etc + file);
}

}  // namespace
