// What a libvirt call answered: EXPECT_TRUE(fails_with(VIR_ERR_NO_DOMAIN, virDomainLookupByName(...))) and
// ASSERT_TRUE(ok(...)) print the code, its origin and the message when it is not the expected one.
#pragma once

#include <gtest/gtest.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <memory>
#include <string>
#include <type_traits>

namespace support {

/// libvirt's last error on this thread.
struct Failure {
  int code = VIR_ERR_OK;
  int domain = VIR_FROM_NONE;
  std::string message;
};
Failure last_failure();
std::string describe(const Failure& failure);
/// "VIR_ERR_NO_DOMAIN" for the codes this suite uses, the number otherwise.
std::string code_name(int code);

namespace detail {
inline void dispose(virDomainPtr domain) {
  virDomainFree(domain);
}
inline void dispose(virConnectPtr connection) {
  virConnectClose(connection);
}
inline void dispose(char* text) {
  free(text);
}
template <typename T>
void dispose(T) {}

template <typename T>
bool failed(const T& value) {
  if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
    return value < 0;
  } else {
    return !value;
  }
}
testing::AssertionResult judge_failure(int code, bool failed);
}  // namespace detail

/// The call returned -1 or a null pointer with exactly this error code.
template <typename T>
testing::AssertionResult fails_with(int code, T value) {
  const bool failed = detail::failed(value);
  auto result = detail::judge_failure(code, failed);
  if constexpr (std::is_pointer_v<T>) {
    if (!failed) detail::dispose(value);
  }
  return result;
}

/// The call did not return -1 or a null pointer.
template <typename T>
testing::AssertionResult ok(const T& value) {
  if (!detail::failed(value)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << describe(last_failure());
}

}  // namespace support
