#include "driver/harness.hpp"

#include <filesystem>
#include <future>

namespace test {

DaemonInProcess::DaemonInProcess() {
  char pattern[] = "/tmp/lxcell-driver-XXXXXX";
  root_ = ::mkdtemp(pattern);
  paths_ = driver::Paths::below(root_, "lxcell");
  begin();
}

DaemonInProcess::~DaemonInProcess() {
  end();
  std::filesystem::remove_all(root_);
}

void DaemonInProcess::begin() {
  std::promise<void> ready;
  thread_ = std::thread([this, &ready] {
    const driver::Config config;
    daemon_ = std::make_unique<driver::Daemon>(
        paths_, config, "/usr/libexec/lxcell-supervisor", SOURCE_DIR "/schemas/lxcell-domain.rng",
        [this](base::EventLoop& loop) { return std::make_unique<MemoryBackend>(loop, world_); });
    daemon_->start(driver::open_sockets(paths_, config));
    ready.set_value();
    daemon_->run(std::chrono::seconds(0));
    daemon_.reset();
  });
  ready.get_future().wait();
}

void DaemonInProcess::end() {
  daemon_->stop();
  thread_.join();
}

void DaemonInProcess::restart() {
  end();
  begin();
}

virConnectPtr DaemonInProcess::connect(bool read_only) const {
  const std::string uri = "lxcell:///system?socket=" + (read_only ? paths_.socket_ro : paths_.socket_rw);
  return read_only ? virConnectOpenReadOnly(uri.c_str()) : virConnectOpen(uri.c_str());
}

std::string domain_xml(const std::string& name, const std::string& more) {
  return "<domain type='lxc'><name>" + name +
         "</name><memory>65536</memory><os><type>exe</type><init>/bin/sh</init></os>" + more +
         "<devices><filesystem type='mount'><source dir='/srv/x'/><target dir='/'/></filesystem>"
         "<console type='pty'/></devices></domain>";
}

}  // namespace test
