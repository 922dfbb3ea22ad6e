// One NETLINK_ROUTE socket: request, acknowledgement, dump; the kernel's own error text when it has one.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/fd.hpp"

struct nl_sock;
struct nl_msg;
struct nlmsghdr;

namespace netlink {

/// How the kernel took a request: 0 or errno, and its own explanation (extended acknowledgement) if it gave one.
struct Outcome {
  int error = 0;
  std::string text;
};

class Socket {
 public:
  /// A socket in the calling thread's network namespace.
  Socket();
  /// Adopts a NETLINK_ROUTE descriptor opened in another network namespace (by the container's init before exec).
  explicit Socket(base::Fd fd);
  /// Opened in network namespace `netns` by a thread that goes there for it. Throws SystemError.
  static Socket in(int netns);
  Socket(Socket&&) noexcept;
  Socket& operator=(Socket&&) noexcept;
  ~Socket();

  nl_sock* get() const { return socket_.get(); }

  /// Sends and waits for the acknowledgement or the end of the dump; every message in between goes to `on_answer`.
  /// Throws SystemError only if the socket itself fails.
  Outcome exchange(nl_msg* message, const std::function<void(nlmsghdr*)>& on_answer = {});
  /// exchange(), throwing SystemError "<what>: <kernel's words>" if the kernel refuses.
  void request(nl_msg* message, const std::string& what);

 private:
  void configure();

  struct Delete {
    void operator()(nl_sock* socket) const noexcept;
  };
  std::unique_ptr<nl_sock, Delete> socket_;
};

}  // namespace netlink
