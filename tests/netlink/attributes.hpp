// Messages taken apart again: their header, and their attributes as raw bytes.
#pragma once

#include <netlink/attr.h>
#include <netlink/msg.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>

#include "netlink/message.hpp"

namespace netlink {

/// The attributes of a message or nest as raw bytes by type.
using Attributes = std::map<int, std::string>;

inline Attributes parse(const char* at, std::size_t size) {
  Attributes found;
  while (size >= sizeof(nlattr)) {
    nlattr header;
    std::memcpy(&header, at, sizeof header);
    if (header.nla_len < sizeof header || header.nla_len > size) throw std::runtime_error("bad attribute length");
    found[header.nla_type & NLA_TYPE_MASK] = std::string(at + sizeof header, header.nla_len - sizeof header);
    const std::size_t step = std::min<std::size_t>(NLA_ALIGN(header.nla_len), size);
    at += step;
    size -= step;
  }
  return found;
}

template <typename Header>
Attributes attributes(const Message& message) {
  const nlmsghdr* header = nlmsg_hdr(message.get());
  const auto* start = reinterpret_cast<const char*>(header);
  const std::size_t offset = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(Header));
  return parse(start + offset, header->nlmsg_len - offset);
}

template <typename Header>
Header header_of(const Message& message) {
  Header header;
  std::memcpy(&header, nlmsg_data(nlmsg_hdr(message.get())), sizeof header);
  return header;
}

inline std::string number(std::uint32_t value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
inline std::string text(const std::string& value) {
  return value + '\0';
}

}  // namespace netlink
