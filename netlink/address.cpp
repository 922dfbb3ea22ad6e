#include "netlink/address.hpp"

#include <cerrno>

#include "base/error.hpp"
#include "netlink/link.hpp"
#include "netlink/message.hpp"

namespace netlink {

void add_address(Socket& socket, const std::string& link, const std::string& address, unsigned prefix,
                 const std::string& peer) {
  const std::string what = base::join("cannot add address '", address, "/", prefix, "' to network device '", link, "'");
  const auto index = find_link(socket, link);
  if (!index) base::fail_errno_value(ENODEV, base::Code::SystemError, what);
  const Message message = address_message(*index, address, prefix, peer);
  socket.request(message.get(), what);
}

void remove_address(Socket& socket, const std::string& link, const std::string& address, unsigned prefix,
                    const std::string& peer) {
  const auto index = find_link(socket, link);
  if (!index) return;
  const Outcome outcome = socket.exchange(remove_address_message(*index, address, prefix, peer).get());
  if (outcome.error != 0 && outcome.error != EADDRNOTAVAIL)
    base::fail_errno_value(outcome.error, base::Code::SystemError, "cannot remove address '", address,
                           "' from network device '", link, "'");
}

void add_route(Socket& socket, const std::string& destination, unsigned prefix, const std::string& gateway,
               unsigned metric) {
  const Message message = route_message(destination, prefix, gateway, metric);
  socket.request(message.get(), base::join("cannot add route to '", destination, "/", prefix, "' via '", gateway, "'"));
}

void remove_route(Socket& socket, const std::string& destination, unsigned prefix, const std::string& gateway,
                  unsigned metric) {
  const Outcome outcome = socket.exchange(remove_route_message(destination, prefix, gateway, metric).get());
  if (outcome.error != 0 && outcome.error != ESRCH)
    base::fail_errno_value(outcome.error, base::Code::SystemError, "cannot remove the route to '", destination, "/",
                           prefix, "' via '", gateway, "'");
}

}  // namespace netlink
