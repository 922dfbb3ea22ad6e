// A stock libvirtd of a test's own, in its own network namespace, with nothing but its own files: the daemon beside
// which ours works. Started by libvirtd.sh.
#pragma once

#include <libvirt/libvirt.h>

#include <string>
#include <vector>

#include "support/command.hpp"
#include "support/handles.hpp"

namespace support {

using Network = Handle<virNetworkPtr, virNetworkFree>;

class Libvirtd {
 public:
  /// Why there can be none here; "" if there can.
  static std::string missing();

  Libvirtd();
  Libvirtd(const Libvirtd&) = delete;
  Libvirtd& operator=(const Libvirtd&) = delete;
  /// Ends its networks and guests, and removes its files.
  ~Libvirtd();

  void start();
  /// SIGKILL; networks and guests stay for the next start().
  void kill();
  pid_t pid() const;

  /// Where its sockets are.
  std::string sockets() const { return folder_ + "/run"; }
  /// "network:///system?socket=..."
  std::string uri(const std::string& driver) const;
  /// Runs a command in its network namespace.
  Output inside(std::vector<std::string> command) const;
  /// The words that put a program there.
  std::vector<std::string> entrance() const { return {"nsenter", "--net=" + folder_ + "/net"}; }
  /// Its own folders: etc, lib, log.
  const std::string& folder() const { return folder_; }

  /// For an interrupted run.
  static void end_all();

 private:
  std::string folder_;
};

}  // namespace support
