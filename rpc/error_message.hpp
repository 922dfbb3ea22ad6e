// base::Error as the error body every libvirt client understands (framing: code, domain, finished text, level,
// template, detail).
#pragma once

#include <string>

#include "base/error.hpp"
#include "rpc/protocol.hpp"

namespace rpc {

NetMessageError error_message(const base::Error& error);
/// The encoded body of a REPLY or STREAM packet with status ERROR.
std::string encode_error(const base::Error& error);
/// Code and domain RPC with a text that clients compare: it is sent as it stands, without the code's prefix.
std::string encode_rpc_error(const std::string& text);

}  // namespace rpc
