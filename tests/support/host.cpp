#include "support/host.hpp"

#include <gtest/gtest.h>
#include <libvirt/libvirt.h>

#include <sys/mount.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "support/leaks.hpp"
#include "support/result.hpp"
#include "support/scratch.hpp"

namespace support {

Host& Host::instance() {
  static Host host;
  return host;
}

void Host::set_up() {
  links_before_ = automatic_links();
  const char* given = std::getenv("LXCELL_TEST_URI");
  if (given && *given) {
    uri_ = given;
  } else {
    daemon_ = std::make_unique<Daemon>(make_folder("host"));
    // As on a real host, /run is memory: a status file is not worth a disk flush there.
    const std::string run = daemon_->root() + "/run";
    std::filesystem::create_directory(run);
    if (mount("tmpfs", run.c_str(), "tmpfs", 0, "mode=755") != 0) throw std::runtime_error("cannot mount " + run);
    try {
      daemon_->start();
    } catch (...) {
      umount2(run.c_str(), MNT_DETACH);
      throw;
    }
    uri_ = daemon_->uri();
  }
  const char* peer = std::getenv("LXCELL_TEST_PEER");
  stock_ = peer && *peer ? std::string(peer) == "stock" : uri_.starts_with("lxc:");
}

bool Host::tear_down(std::string& problem) {
  if (stock_) remove_leaks_of_stock(prefix(), links_before_);
  if (!daemon_) return true;
  problem = deaths_;
  if (!daemon_->running()) {
    problem += "the daemon died in the last test:\n" + daemon_->output();
    return false;
  }
  daemon_->destroy_domains();
  const int code = daemon_->stop();
  if (code != 0) problem += "the daemon ended with code " + std::to_string(code) + " on SIGTERM\n";
  if (exists(daemon_->socket())) problem += "left behind: " + daemon_->socket() + "\n";
  for (const auto& left : wait_for_no_traces(prefix(), daemon_->state_folder()))
    problem += "left behind: " + left + "\n";
  umount2((daemon_->root() + "/run").c_str(), MNT_DETACH);
  return problem.empty();
}

Connection Host::connect(Access access) {
  if (daemon_ && !daemon_->running()) {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    deaths_ += "the daemon had died before or in " +
               (test ? std::string(test->test_suite_name()) + "." + test->name() : std::string("a suite's set-up")) +
               "\n";
    daemon_->start();
  }
  Connection connection(access == Access::ReadOnly ? virConnectOpenReadOnly(uri_.c_str())
                                                   : virConnectOpen(uri_.c_str()));
  if (!connection) throw std::runtime_error("cannot open " + uri_ + ": " + last_failure().message);
  return connection;
}

std::string Host::socket(Access access) const {
  const std::string key = "socket=";
  const auto at = uri_.find(key);
  std::string path = "/run/libvirt/libvirt-sock";
  if (at != std::string::npos) {
    path = uri_.substr(at + key.size());
  } else if (exists("/run/libvirt/virtlxcd-sock")) {
    path = "/run/libvirt/virtlxcd-sock";
  }
  return access == Access::ReadOnly ? path + "-ro" : path;
}

std::string Host::uri_of_read_only_socket() const {
  return uri_.substr(0, uri_.find('?')) + "?socket=" + socket(Access::ReadOnly);
}

}  // namespace support
