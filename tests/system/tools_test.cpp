// Ordinary tools against the daemon: virsh, its console on a terminal, and libvirt-python.
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "support/fixture.hpp"

namespace {

using namespace support;

class VirshTest : public SystemTest {
 protected:
  void SetUp() override {
    if (!have_program("virsh")) GTEST_SKIP() << "virsh is not installed (package libvirt-clients)";
  }
  static Output virsh(std::vector<std::string> words) {
    words.insert(words.begin(), {"virsh", "-c", host().uri()});
    return run(words);
  }
  std::string write_definition(const std::string& word) const {
    const std::string path = make_folder("virsh") + "/domain.xml";
    write_text(path, xml(word, root_).text());
    return path;
  }
  Rootfs root_{init::kEcho};
};

TEST_F(VirshTest, WalksADomainThroughItsLife) {
  const std::string name = own_name("virsh");
  const auto expect = [&](const std::vector<std::string>& words, const std::string& text) {
    const Output output = virsh(words);
    EXPECT_EQ(output.status, 0) << words[0] << ": " << output.text;
    EXPECT_NE(output.text.find(text), std::string::npos) << words[0] << ": " << output.text;
  };
  expect({"define", write_definition("virsh")}, "defined from");
  expect({"list", "--all"}, name);
  expect({"start", name}, "started");
  ASSERT_TRUE(root_.wait_ready());
  expect({"list"}, "running");
  expect({"domstate", "--reason", name}, "running (booted)");
  expect({"dominfo", name}, "exe");
  expect({"domuuid", name}, "-");
  expect({"suspend", name}, "suspended");
  expect({"list", "--state-paused"}, name);
  expect({"resume", name}, "resumed");
  expect({"dumpxml", name}, "<domain type='lxc' id='");
  expect({"autostart", name}, "autostart");
  expect({"list", "--all", "--autostart"}, name);
  expect({"ttyconsole", name}, "/dev/pts/");
  expect({"destroy", name}, "destroyed");
  expect({"domstate", name}, "shut off");
  expect({"undefine", name}, "has been undefined");
  EXPECT_EQ(virsh({"domstate", name}).status, 1);
}

TEST_F(VirshTest, HostCommands) {
  for (const char* command : {"version", "uri", "hostname", "nodeinfo", "capabilities"}) {
    const Output output = virsh({command});
    EXPECT_EQ(output.status, 0) << command << ": " << output.text;
  }
}

TEST_F(VirshTest, EventsAreReported) {
  // virsh event ends by itself after the first event.
  Output output;
  std::thread listener([&] { output = virsh({"event", "--all", "--timeout", "60"}); });
  const Connection other = host().connect();
  // Until it has subscribed its ears are shut; keep making events.
  std::atomic<bool> heard{false};
  std::thread joiner([&] {
    listener.join();
    heard = true;
  });
  EXPECT_TRUE(eventually([&] {
    const Domain domain(virDomainDefineXML(other, xml("event").text().c_str()));
    virDomainUndefine(domain);
    return heard.load();
  }));
  joiner.join();
  EXPECT_NE(output.text.find("lifecycle"), std::string::npos) << output.text;
}

TEST_F(VirshTest, ConsoleOnATerminal) {
  const Domain domain = define_and_start(xml("virsh", root_));
  ASSERT_TRUE(root_.wait_ready());
  const std::string name = own_name("virsh");
  const std::string uri = host().uri();
  int master = -1;
  const pid_t child = forkpty(&master, nullptr, nullptr, nullptr);
  if (child == 0) {
    setenv("TERM", "linux", 1);
    execlp("virsh", "virsh", "-c", uri.c_str(), "console", name.c_str(), nullptr);
    _exit(127);
  }
  const base::Fd terminal(master);
  std::string seen;
  const auto wait_for = [&](const std::string& text) {
    return eventually([&] {
      pollfd poller = {terminal.get(), POLLIN, 0};
      if (poll(&poller, 1, 10) > 0) {
        char buffer[1024];
        const auto got = read(terminal.get(), buffer, sizeof buffer);
        if (got > 0) seen.append(buffer, static_cast<std::size_t>(got));
      }
      return seen.find(text) != std::string::npos;
    });
  };
  EXPECT_TRUE(wait_for("Escape character is")) << seen;
  EXPECT_TRUE(wait_for("hello from init")) << seen;
  EXPECT_EQ(write(terminal.get(), "from virsh\r", 11), 11);
  EXPECT_TRUE(wait_for("echo: from virsh")) << seen;
  EXPECT_EQ(write(terminal.get(), "\x1d", 1), 1);  // ^]
  int status = -1;
  // Its last output must be taken, or it would wait for the terminal to have room.
  const bool ended = eventually([&] {
    char buffer[1024];
    pollfd poller = {terminal.get(), POLLIN, 0};
    if (poll(&poller, 1, 5) > 0 && (poller.revents & POLLIN))
      seen.append(buffer, static_cast<std::size_t>(std::max<ssize_t>(0, read(terminal.get(), buffer, sizeof buffer))));
    return waitpid(child, &status, WNOHANG) == child;
  });
  if (!ended) {
    ::kill(child, SIGKILL);
    waitpid(child, &status, 0);
  }
  EXPECT_TRUE(ended && WIFEXITED(status) && WEXITSTATUS(status) == 0) << seen;
}

TEST_F(VirshTest, ErrorsAreReadable) {
  const Output output = virsh({"start", "lxs-no-such-domain"});
  EXPECT_EQ(output.status, 1);
  EXPECT_NE(output.text.find("failed to get domain"), std::string::npos) << output.text;
  EXPECT_NE(output.text.find("lxs-no-such-domain"), std::string::npos) << output.text;
}

class PythonTest : public SystemTest {};

TEST_F(PythonTest, LibvirtPythonWalksADomainThroughItsLife) {
  const std::string python = "/usr/bin/python3";
  if (run({python, "-c", "import libvirt"}).status != 0) {
    GTEST_SKIP() << "libvirt-python is not installed (package python3-libvirt)";
  }
  Rootfs root;
  const std::string folder = make_folder("python");
  write_text(folder + "/domain.xml", xml("python", root).text());
  write_text(folder + "/walk.py", R"(import libvirt, sys
uri, path = sys.argv[1:3]
connection = libvirt.open(uri)
assert connection.getType() == 'LXC', connection.getType()
domain = connection.defineXML(open(path).read())
assert not domain.isActive()
domain.create()
assert domain.isActive() and domain.ID() > 0
assert domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING
assert domain.info()[1] == 65536, domain.info()
assert domain.name() in [other.name() for other in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)]
domain.suspend()
assert domain.state() == [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER], domain.state()
domain.resume()
assert "id='%d'" % domain.ID() in domain.XMLDesc()
domain.destroy()
domain.undefine()
try:
    connection.lookupByName(domain.name())
except libvirt.libvirtError as error:
    assert error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN
else:
    raise AssertionError('still there')
print('walked')
)");
  const Output output = run({python, folder + "/walk.py", host().uri(), folder + "/domain.xml"});
  EXPECT_EQ(output.status, 0) << output.text;
  EXPECT_NE(output.text.find("walked"), std::string::npos) << output.text;
}

}  // namespace
