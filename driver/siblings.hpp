// libvirt's other daemons on this host (networks, storage, node devices, filters, secrets, host interfaces): where they
// listen, which calls go to which of them, and what is answered while one is not there.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <string>

#include "base/fd.hpp"
#include "rpc/procedure_table.hpp"

namespace driver {

class Siblings {
 public:
  /// `socket_directory`: where libvirt's sockets are, e.g. "/run/libvirt". `answer_limit`: how long this daemon itself
  /// waits for an answer.
  Siblings(std::string socket_directory, std::chrono::seconds answer_limit);

  /// Relays every call that libvirt's table gives to another driver. The table must not outlive this.
  void add_calls(rpc::ProcedureTable& table);

  /// The modular daemons; whether each, or the monolithic one in its place, listens.
  std::map<std::string, bool> listening() const;

  /// For libvirt's client library: the driver's URI with the socket where its daemon listens. Throws as clients of ours
  /// are refused when there is none.
  std::string client_uri(rpc::Subdriver subdriver) const;
  /// "networks".
  const char* objects_of(rpc::Subdriver subdriver) const;
  std::chrono::seconds answer_limit() const { return answer_limit_; }

 private:
  struct Sibling {
    rpc::Subdriver subdriver;
    const char* scheme;   // of its URI
    const char* daemon;   // the modular one
    const char* objects;  // what it has, for the log
    rpc::RelayRoute route = {};
    bool missed = false;  // it was asked for in vain, and the log has been told
  };
  base::Fd connect(Sibling& sibling, bool read_only) const;
  [[noreturn]] void refuse(const Sibling& sibling) const;
  std::string socket_path(const char* daemon, bool read_only) const;

  const Sibling& find(rpc::Subdriver subdriver) const;

  const std::string directory_;
  const std::chrono::seconds answer_limit_;
  std::deque<Sibling> siblings_;
};

}  // namespace driver
