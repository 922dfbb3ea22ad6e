#include "rpc/error_message.hpp"

#include <algorithm>

namespace rpc {
namespace {

constexpr std::int32_t kLevelError = VIR_ERR_ERROR;

std::string bounded(std::string text) {
  text.resize(std::min<std::size_t>(text.size(), kStringMax));
  return text;
}

std::string encoded(const NetMessageError& message) {
  Encoder out;
  message.encode(out);
  return out.take();
}

}  // namespace

NetMessageError error_message(const base::Error& error) {
  NetMessageError message;
  message.code = static_cast<std::int32_t>(error.code());
  message.domain = static_cast<std::int32_t>(error.from());
  message.message = bounded(error.message());
  message.level = kLevelError;
  message.str1 = base::message_template(error.code());
  message.str2 = bounded(error.detail());
  // Clients ask "was this errno E?" by looking at int1 of a SYSTEM_ERROR.
  const bool has_errno = error.code() == base::Code::SystemError && error.system_errno() != 0;
  message.int1 = has_errno ? error.system_errno() : -1;
  message.int2 = -1;
  return message;
}

std::string encode_error(const base::Error& error) {
  return encoded(error_message(error));
}

std::string encode_rpc_error(const std::string& text) {
  NetMessageError message = error_message(base::Error(base::Code::Rpc, base::From::Rpc, text));
  message.message = text;
  return encoded(message);
}

}  // namespace rpc
