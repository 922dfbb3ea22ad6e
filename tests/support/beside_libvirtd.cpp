#include "support/beside_libvirtd.hpp"

namespace support {

void BesideLibvirtd::SetUpTestSuite() {
  if (!Libvirtd::missing().empty()) return;
  libvirtd_ = std::make_unique<Libvirtd>();
  const std::string root = make_folder("beside");
  write_text(root + "/lxcell.conf", "sibling_socket_dir = \"" + libvirtd_->sockets() + "\"\n");
  daemon_ = std::make_unique<Daemon>(root, std::vector<std::string>{"--config", root + "/lxcell.conf"},
                                     libvirtd_->entrance());
  daemon_->start();
}

void BesideLibvirtd::TearDownTestSuite() {
  daemon_.reset();
  libvirtd_.reset();
}

void BesideLibvirtd::SetUp() {
  if (!libvirtd_) GTEST_SKIP() << Libvirtd::missing();
}

Output BesideLibvirtd::virsh_of(const std::string& uri, std::vector<std::string> words) {
  words.insert(words.begin(), {"virsh", "-q", "-c", uri});
  return run(words);
}

std::string BesideLibvirtd::virsh(const std::vector<std::string>& words) {
  const Output output = virsh_of(daemon_->uri(), words);
  EXPECT_EQ(output.status, 0) << words[0] << ": " << output.text;
  return output.text;
}

Connection BesideLibvirtd::connect() {
  Connection connection(virConnectOpen(daemon_->uri().c_str()));
  EXPECT_TRUE(connection) << last_failure().message;
  return connection;
}

std::string BesideLibvirtd::write(const std::string& name, const std::string& text) {
  const std::string path = make_folder("file") + "/" + name;
  write_text(path, text);
  return path;
}

}  // namespace support
