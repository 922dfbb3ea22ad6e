// Puts a message together: header first, then attributes and nests of them.
#pragma once

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "netlink/message.hpp"

namespace netlink {

/// Appends attributes; running out of room is an internal error, since all our messages are small and bounded.
class Builder {
 public:
  Builder(int type, int flags) : message_(nlmsg_alloc_simple(type, flags)) {
    if (!message_) base::fail(base::Code::NoMemory, "netlink message");
  }

  template <typename Header>
  Builder& header(const Header& value) {
    Header copy = value;
    check(nlmsg_append(message_.get(), &copy, sizeof copy, NLMSG_ALIGNTO));
    return *this;
  }
  Builder& text(int type, const std::string& value) {
    check(nla_put_string(message_.get(), type, value.c_str()));
    return *this;
  }
  Builder& number(int type, std::uint32_t value) {
    check(nla_put_u32(message_.get(), type, value));
    return *this;
  }
  Builder& bytes(int type, const void* data, std::size_t size) {
    check(nla_put(message_.get(), type, static_cast<int>(size), data));
    return *this;
  }
  nlattr* open(int type) {
    nlattr* nest = nla_nest_start(message_.get(), type);
    if (!nest) base::fail(base::Code::InternalError, "netlink message is too long");
    return nest;
  }
  void close(nlattr* nest) { nla_nest_end(message_.get(), nest); }
  Message take() { return std::move(message_); }

 private:
  static void check(int result) {
    if (result < 0) base::fail(base::Code::InternalError, "netlink message is too long");
  }
  Message message_;
};

enum class Flag { Keep, Up, Down };

/// `index` 0: the link is known by the name that follows.
inline ifinfomsg link_header(Flag flag = Flag::Keep, int index = 0) {
  ifinfomsg header{};
  header.ifi_family = AF_UNSPEC;
  header.ifi_index = index;
  if (flag != Flag::Keep) header.ifi_change = IFF_UP;
  if (flag == Flag::Up) header.ifi_flags = IFF_UP;
  return header;
}

/// Throws InvalidArg.
void require_link_name(const std::string& name);

inline Builder link_request(int type, int flags, const std::string& name, const ifinfomsg& header = link_header()) {
  require_link_name(name);
  Builder builder(type, flags);
  builder.header(header).text(IFLA_IFNAME, name);
  return builder;
}

}  // namespace netlink
