// What the walks play on: a traced daemon with its own root, an image, a bridge, and one domain that has a bit of
// everything; with looks at what is left of it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "soak/faults/tracer.hpp"
#include "support/fixture.hpp"

namespace faults {

/// --long: every point instead of one in some.
bool long_form();

class Stage {
 public:
  Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  ~Stage();

  Tracer& tracer() { return tracer_; }
  support::Daemon& daemon() { return daemon_; }
  const support::Rootfs& image() const { return image_; }
  virConnectPtr connection() const { return connection_; }
  /// A traced daemon on the same root, and a new connection to it.
  void start_daemon();
  /// False when it ended or was killed before it answered.
  bool try_start_daemon();
  /// The connection's end first.
  void kill_daemon();
  void connect();
  bool connected() const { return connection_ && virConnectIsAlive(connection_) == 1; }
  /// What init is to do: "reboot", "poweroff", or anything else for its end.
  void order(const std::string& word) { image_.write("go", word); }
  /// Waits until `condition` holds or the armed fault has happened; whether it holds.
  bool wait_or_hit(const std::function<bool()>& condition) const;
  bool wait_ready_or_hit();

  std::string name(const std::string& word = "one") const { return support::own_name("fault-" + word); }
  support::DomainXml definition(const std::string& word = "one") const;
  support::Domain find(const std::string& word = "one") const;
  std::string interface_xml(const std::string& mac) const { return support::bridge_interface(bridge_.name(), mac); }
  std::string filesystem_xml() const { return support::mount_filesystem(shared_, "/given/folder"); }
  std::string disk_xml() const;

  /// Defined as definition() says and shut off, nothing else is there.
  support::Domain defined();
  /// The same, running, and its init has said so.
  support::Domain running();

  /// What should not be there when `words` are not running: processes, cgroups, links, mounts, state files, loop
  /// devices, temporary files. Waits for what the kernel ends by itself. Each is told once, but for mount points, which
  /// are removed then.
  std::vector<std::string> leaks();
  int leaks_seen() const { return leaks_seen_; }
  /// The descriptors the daemon has open, by what they are.
  std::vector<std::string> descriptors() const;
  /// Descriptors it has more than at the last mark_descriptors(), when they stay.
  std::vector<std::string> more_descriptors() const;
  void mark_descriptors();
  /// Whether there is a mount at `path` in a running domain.
  bool has_mounted(virDomainPtr domain, const std::string& path) const;
  /// The console of a running domain answers.
  bool console_answers(virDomainPtr domain) const;

 private:
  support::Rootfs image_;
  support::Bridge bridge_;
  std::string shared_ = support::make_folder("shared");
  std::string disk_ = support::make_folder("disk") + "/disk";
  Tracer tracer_;
  support::Daemon daemon_;
  support::Connection connection_;
  std::set<std::string> known_;
  int leaks_seen_ = 0;
  std::vector<std::string> marked_;
  std::string first_;  // definition() as the daemon gives it back
};

}  // namespace faults
