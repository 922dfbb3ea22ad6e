// Addresses and routes on links, in the namespace the socket was opened in.
#pragma once

#include <optional>
#include <string>

#include "netlink/socket.hpp"

namespace netlink {

/// `address` and `peer` as text ("192.0.2.7", "2001:db8::7"); `prefix` in bits.
void add_address(Socket& socket, const std::string& link, const std::string& address, unsigned prefix,
                 const std::string& peer = "");
/// One that is not there is success.
void remove_address(Socket& socket, const std::string& link, const std::string& address, unsigned prefix,
                    const std::string& peer = "");
/// Destination "0.0.0.0" or "::" with prefix 0 is the default route.
void add_route(Socket& socket, const std::string& destination, unsigned prefix, const std::string& gateway,
               unsigned metric);
/// One that is not there, as when its address has gone, is success.
void remove_route(Socket& socket, const std::string& destination, unsigned prefix, const std::string& gateway,
                  unsigned metric);

}  // namespace netlink
