#include "support/result.hpp"

#include <map>

#include "support/handles.hpp"

namespace support {

std::string take(char* text) {
  const std::unique_ptr<char, decltype(&free)> owner(text, free);
  return text ? text : "";
}

Failure last_failure() {
  const virError* error = virGetLastError();
  if (!error) return {};
  return {error->code, error->domain, error->message ? error->message : ""};
}

std::string code_name(int code) {
#define LXCELL_CODE(name) \
  { name, #name }
  static const std::map<int, std::string> names = {
      LXCELL_CODE(VIR_ERR_OK),
      LXCELL_CODE(VIR_ERR_INTERNAL_ERROR),
      LXCELL_CODE(VIR_ERR_NO_SUPPORT),
      LXCELL_CODE(VIR_ERR_NO_CONNECT),
      LXCELL_CODE(VIR_ERR_INVALID_ARG),
      LXCELL_CODE(VIR_ERR_INVALID_CONN),
      LXCELL_CODE(VIR_ERR_OPERATION_FAILED),
      LXCELL_CODE(VIR_ERR_XML_ERROR),
      LXCELL_CODE(VIR_ERR_OPERATION_DENIED),
      LXCELL_CODE(VIR_ERR_NO_NAME),
      LXCELL_CODE(VIR_ERR_SYSTEM_ERROR),
      LXCELL_CODE(VIR_ERR_RPC),
      LXCELL_CODE(VIR_ERR_NO_DOMAIN),
      LXCELL_CODE(VIR_ERR_OPERATION_INVALID),
      LXCELL_CODE(VIR_ERR_NO_SOURCE),
      LXCELL_CODE(VIR_ERR_NO_TARGET),
      LXCELL_CODE(VIR_ERR_XML_DETAIL),
      LXCELL_CODE(VIR_ERR_XML_INVALID_SCHEMA),
      LXCELL_CODE(VIR_ERR_CONFIG_UNSUPPORTED),
      LXCELL_CODE(VIR_ERR_ARGUMENT_UNSUPPORTED),
      LXCELL_CODE(VIR_ERR_OPERATION_UNSUPPORTED),
      LXCELL_CODE(VIR_ERR_NO_DOMAIN_METADATA),
      LXCELL_CODE(VIR_ERR_OVERFLOW),
      LXCELL_CODE(VIR_ERR_NO_NETWORK),
  };
#undef LXCELL_CODE
  const auto found = names.find(code);
  return found == names.end() ? "error code " + std::to_string(code) : found->second;
}

std::string describe(const Failure& failure) {
  return code_name(failure.code) + " (from " + std::to_string(failure.domain) + "): " + failure.message;
}

testing::AssertionResult detail::judge_failure(int code, bool failed) {
  if (!failed) return testing::AssertionFailure() << "succeeded, should fail with " << code_name(code);
  const Failure failure = last_failure();
  if (failure.code == code) return testing::AssertionSuccess() << describe(failure);
  return testing::AssertionFailure() << "should fail with " << code_name(code) << ", got " << describe(failure);
}

}  // namespace support
