// The libvirt host under test. LXCELL_TEST_URI names one that runs already (stock's lxc:///system, say); without it the
// suite starts its own daemon for the whole run.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "support/daemon.hpp"
#include "support/handles.hpp"

namespace support {

enum class Access { ReadWrite, ReadOnly };

class Host {
 public:
  static Host& instance();

  void set_up();
  /// Stops the own daemon and checks that nothing stayed behind; false, with the reason in `problem`, otherwise.
  bool tear_down(std::string& problem);

  const std::string& uri() const { return uri_; }
  /// libvirt's own LXC driver: LXCELL_TEST_PEER is "stock", or, when unset, the URI's scheme is "lxc".
  bool is_stock() const { return stock_; }
  /// The daemon of this run, nullptr when LXCELL_TEST_URI was given.
  Daemon* daemon() { return daemon_.get(); }

  /// Starts the own daemon again if it died; tear_down() then reports the test in which it did.
  Connection connect(Access access = Access::ReadWrite);
  /// The socket clients with this access use.
  std::string socket(Access access) const;
  /// A URI that leads a read-write client to the socket for read-only ones.
  std::string uri_of_read_only_socket() const;

 private:
  std::string uri_;
  bool stock_ = false;
  std::set<std::string> links_before_;
  std::string deaths_;
  std::unique_ptr<Daemon> daemon_;
};

inline Host& host() {
  return Host::instance();
}

}  // namespace support

/// For what stock gets wrong: the reason names the defect or the difference.
#define SKIP_ON_STOCK(reason) \
  if (support::host().is_stock()) GTEST_SKIP() << "stock differs: " << reason

/// For tests that must start, kill or look into a daemon of their own.
#define NEEDS_OWN_DAEMON()       \
  if (!support::host().daemon()) \
  GTEST_SKIP() << "LXCELL_TEST_URI names a daemon that is not ours to restart or look into"
