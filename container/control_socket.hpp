// The daemon's end of a supervisor's control socket: typed sends, receives with a deadline. One thread at a time.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "container/supervisor_protocol.hpp"

namespace container {

using Deadline = std::chrono::steady_clock::time_point;

struct ControlMessage {
  enum class Kind { Packet, Nothing, HangUp } kind = Kind::Nothing;
  protocol::Type type{};
  protocol::StatusMessage status{};  // Ready, Status, Exited
  protocol::FailedMessage failed{};  // Failed
  int error = 0;                     // HangUp: why nothing can be received, 0 when the other side has closed
  std::vector<base::Fd> fds;
};

class ControlSocket {
 public:
  ControlSocket() = default;
  explicit ControlSocket(base::Fd fd) : fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }
  explicit operator bool() const { return static_cast<bool>(fd_); }

  /// False when the supervisor is gone.
  bool send(protocol::Type type, std::uint32_t number = 0, int attached_fd = -1);
  struct Start {
    int plan = -1;
    std::uint64_t plan_size = 0;
    int log = -1, listener = -1;
    int v2_payload = -1;                             // -1 without v2
    int empty_root = -1;                             // -1: init copies the host's mounts
    const std::vector<base::Fd>& shared_namespaces;  // instead of new ones
    std::vector<base::Fd> tasks;                     // to join at once
    const std::vector<base::Fd>& images;             // mounts: the root's, then those of the plan's steps
    const std::vector<base::Fd>& given;              // for init, from 3 on
  };
  bool send_start(const Start& start);
  /// The `tasks` files of the supervisor and of init.
  bool send_attach(const std::vector<base::Fd>& supervisor, const std::vector<base::Fd>& payload);

  /// What is there now, without waiting.
  ControlMessage receive_now();
  /// Waits for a packet or hang-up; Kind::Nothing when `deadline` passed.
  ControlMessage receive(Deadline deadline);

 private:
  base::Fd fd_;
};

/// A listening SOCK_SEQPACKET socket DIRECTORY/NAME, mode 0700, replacing a stale one; connecting to one likewise.
/// Paths longer than sun_path work.
base::Fd listen_at(const std::string& directory, const std::string& name);
/// Empty when nobody listens there. Throws SystemError where that cannot be told: with ETIMEDOUT when who listens lets
/// others wait for `limit`, as a process that is stopped does.
base::Fd connect_to(const std::string& directory, const std::string& name,
                    std::chrono::seconds limit = std::chrono::seconds(30));
/// It is there, and nobody will listen at it any more.
bool is_deserted(const std::string& directory, const std::string& name);

/// What the supervisor could not do, in words: "guest failed to start: cannot mount '/proc': Permission denied".
base::Error start_failure(const protocol::FailedMessage& failed);

}  // namespace container
