#include "rpc/error_message.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace rpc {
namespace {

NetMessageError decode_error(const std::string& body) {
  Decoder in(body);
  NetMessageError message;
  message.decode(in);
  return message;
}

TEST(ErrorMessage, CarriesTextTemplateAndDetail) {
  const auto message = decode_error(
      encode_error(base::Error(base::Code::NoDomain, base::From::Lxc, "no domain with matching name 'web'")));
  EXPECT_EQ(message.code, 42);
  EXPECT_EQ(message.domain, 17);
  EXPECT_EQ(message.level, 2);
  EXPECT_EQ(message.message, "Domain not found: no domain with matching name 'web'");
  EXPECT_EQ(message.str1, "Domain not found: %s");
  EXPECT_EQ(message.str2, "no domain with matching name 'web'");
  EXPECT_FALSE(message.str3 || message.dom || message.net);
  EXPECT_EQ(message.int1, -1);
  EXPECT_EQ(message.int2, -1);
}

TEST(ErrorMessage, SystemErrorsTellTheErrno) {
  const auto message =
      decode_error(encode_error(base::Error(base::Code::SystemError, base::From::Lxc, "cannot x", ENOENT)));
  EXPECT_EQ(message.message, "cannot x: No such file or directory");
  EXPECT_EQ(message.int1, ENOENT);
}

TEST(ErrorMessage, LongTextsAreCutToTheLimit) {
  const std::string endless(kStringMax + 100, 'x');
  const auto message = decode_error(encode_error(base::Error(base::Code::InternalError, base::From::Lxc, endless)));
  EXPECT_EQ(message.message->size(), kStringMax);
}

}  // namespace
}  // namespace rpc
