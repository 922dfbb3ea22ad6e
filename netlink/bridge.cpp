#include "netlink/bridge.hpp"

#include <cerrno>

#include "base/error.hpp"
#include "netlink/link.hpp"
#include "netlink/message.hpp"

namespace netlink {

int create_bridge(Socket& socket, const std::string& name) {
  const std::string what = base::join("cannot create bridge '", name, "'");
  const Message message = bridge_message(name);
  socket.request(message.get(), what);
  const auto index = find_link(socket, name);
  if (!index) base::fail_errno_value(ENODEV, base::Code::SystemError, what);
  return *index;
}

}  // namespace netlink
