// libvirt's client library, both ways: the domains of another driver, and the place where ours are defined.
#pragma once

#include <libvirt/libvirt.h>

#include <memory>
#include <string>
#include <vector>

#include "importer/found.hpp"

namespace importer {

struct ForeignDomain {
  std::string name, xml;
  bool autostart = false, running = false;
  std::string problem;  // one that was asked for and is not there
};

/// The persistent domains at `uri`, over a read-only connection; those in `names`, or all if it is empty. What the
/// library refuses is thrown as its own error.
std::vector<ForeignDomain> list_domains(const std::string& uri, const std::vector<std::string>& names);

/// Where containers are defined; one connection.
class Target {
 public:
  explicit Target(const std::string& uri);

  /// Why `found` cannot be defined there: its name or uuid is taken. Empty if it can.
  std::string clash(const Found& found) const;
  /// Defines it and has it start with the host if it did. Throws; a definition that was made is taken back.
  void define(const Found& found) const;

 private:
  struct Close {
    void operator()(virConnect* connection) const noexcept { virConnectClose(connection); }
  };
  std::unique_ptr<virConnect, Close> connection_;
};

}  // namespace importer
