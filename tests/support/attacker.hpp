// A container whose init attacks (tests/attack): what it is told of the host, and what it reports.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "support/domain_xml.hpp"
#include "support/rootfs.hpp"

namespace support {

struct AttackReport {
  struct Line {
    std::string verdict, name, detail;
  };
  std::vector<Line> lines;
  bool complete = false;

  std::vector<std::string> named(const std::string& verdict) const;
  /// "NAME DETAIL" of each that was let through.
  std::vector<std::string> let_through() const;
};

/// Things of the host that an attacker looks for, as long as this lives: a file, an abstract socket, a port, a
/// semaphore.
class AttackedHost {
 public:
  AttackedHost();
  AttackedHost(const AttackedHost&) = delete;
  AttackedHost& operator=(const AttackedHost&) = delete;
  ~AttackedHost();

  /// Words for the attacker's command line. `name`: of its container; `neighbour`: of another that runs.
  std::vector<std::string> facts(const std::string& name, const std::string& neighbour, unsigned long memory_kib) const;
  /// What a mount of the attacker's that shows on the host would be called.
  const std::string& marker() const { return marker_; }

 private:
  std::string canary_, abstract_, marker_;
  base::Fd listener_, port_listener_;
  unsigned port_ = 0;
  int key_ = 0, semaphore_ = -1;
};

/// A root with the attacker in it, and hostile nodes of the host's disk and kernel log.
class AttackRoot : public Rootfs {
 public:
  AttackRoot();
  bool wait_for_report() const;
  AttackReport report() const;
};

/// Without a driver: namespaces and a chroot, and nothing else that would hold it. What succeeds here is possible on
/// this host, so a refusal elsewhere means something.
AttackReport attack_unconfined(const AttackedHost& host);

}  // namespace support
