// The one exception of this project: libvirt's error code, where it comes from, the detail text, and the kernel's
// errno. Thrown where the cause is known; turned into a wire error in driver/error_reply only.
#pragma once

#include <libvirt/virterror.h>

#include <cerrno>
#include <exception>
#include <sstream>
#include <string>
#include <utility>

namespace base {

/// libvirt's error numbers (virErrorNumber) under our naming.
enum class Code : int {
  Ok = VIR_ERR_OK,
  InternalError = VIR_ERR_INTERNAL_ERROR,
  NoMemory = VIR_ERR_NO_MEMORY,
  NoSupport = VIR_ERR_NO_SUPPORT,
  NoConnect = VIR_ERR_NO_CONNECT,
  InvalidArg = VIR_ERR_INVALID_ARG,
  OperationFailed = VIR_ERR_OPERATION_FAILED,
  NoName = VIR_ERR_NO_NAME,
  NoSource = VIR_ERR_NO_SOURCE,
  NoTarget = VIR_ERR_NO_TARGET,
  XmlError = VIR_ERR_XML_ERROR,
  XmlDetail = VIR_ERR_XML_DETAIL,
  XmlInvalidSchema = VIR_ERR_XML_INVALID_SCHEMA,
  ConfSyntax = VIR_ERR_CONF_SYNTAX,
  DomExist = VIR_ERR_DOM_EXIST,
  OperationDenied = VIR_ERR_OPERATION_DENIED,
  SystemError = VIR_ERR_SYSTEM_ERROR,
  Rpc = VIR_ERR_RPC,
  NoDomain = VIR_ERR_NO_DOMAIN,
  NoNetwork = VIR_ERR_NO_NETWORK,
  InvalidMac = VIR_ERR_INVALID_MAC,
  AuthFailed = VIR_ERR_AUTH_FAILED,
  OperationInvalid = VIR_ERR_OPERATION_INVALID,
  ConfigUnsupported = VIR_ERR_CONFIG_UNSUPPORTED,
  OperationTimeout = VIR_ERR_OPERATION_TIMEOUT,
  HookScriptFailed = VIR_ERR_HOOK_SCRIPT_FAILED,
  ArgumentUnsupported = VIR_ERR_ARGUMENT_UNSUPPORTED,
  AuthCancelled = VIR_ERR_AUTH_CANCELLED,
  NoDomainMetadata = VIR_ERR_NO_DOMAIN_METADATA,
  Overflow = VIR_ERR_OVERFLOW,
  OperationUnsupported = VIR_ERR_OPERATION_UNSUPPORTED,
  OperationAborted = VIR_ERR_OPERATION_ABORTED,
  AuthUnavailable = VIR_ERR_AUTH_UNAVAILABLE,
  AccessDenied = VIR_ERR_ACCESS_DENIED,
  CpuIncompatible = VIR_ERR_CPU_INCOMPATIBLE,
  DbusService = VIR_ERR_DBUS_SERVICE,
  ResourceBusy = VIR_ERR_RESOURCE_BUSY,
  NoHostname = VIR_ERR_NO_HOSTNAME,
  DeviceMissing = VIR_ERR_DEVICE_MISSING,
  NoServer = VIR_ERR_NO_SERVER,
  NoClient = VIR_ERR_NO_CLIENT,
};

/// The part of libvirt an error is reported from (virErrorDomain).
enum class From : int {
  None = VIR_FROM_NONE,
  Rpc = VIR_FROM_RPC,
  Xml = VIR_FROM_XML,
  Remote = VIR_FROM_REMOTE,
  Lxc = VIR_FROM_LXC,
  Storage = VIR_FROM_STORAGE,
  Network = VIR_FROM_NETWORK,
  Domain = VIR_FROM_DOMAIN,
  NodeDevice = VIR_FROM_NODEDEV,
  Interface = VIR_FROM_INTERFACE,
  Secret = VIR_FROM_SECRET,
  Nwfilter = VIR_FROM_NWFILTER,
  Hook = VIR_FROM_HOOK,
  Streams = VIR_FROM_STREAMS,
  Capabilities = VIR_FROM_CAPABILITIES,
  Auth = VIR_FROM_AUTH,
  Cgroup = VIR_FROM_CGROUP,
  Dbus = VIR_FROM_DBUS,
  Access = VIR_FROM_ACCESS,
  Polkit = VIR_FROM_POLKIT,
  Admin = VIR_FROM_ADMIN,
};

class Error : public std::exception {
 public:
  /// `system_errno` is 0 unless a system call failed; its text is then appended to `detail`.
  Error(Code code, From from, std::string detail, int system_errno = 0);

  Code code() const noexcept { return code_; }
  From from() const noexcept { return from_; }
  int system_errno() const noexcept { return errno_; }
  /// What the place that failed said, without the code's prefix.
  const std::string& detail() const noexcept { return detail_; }
  /// The finished text a libvirt client shows: the code's prefix and the detail.
  std::string message() const;
  const char* what() const noexcept override { return detail_.c_str(); }

  /// A failed clean-up joins the first cause, never replaces it.
  void append(const std::string& also) { detail_ += "; " + also; }

 private:
  Code code_;
  From from_;
  int errno_;
  std::string detail_;
};

/// The fixed text stock libvirt puts before the detail of each code, as a template with one "%s".
const char* message_template(Code code) noexcept;

template <typename... Parts>
std::string join(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

template <typename... Parts>
[[noreturn]] void fail(Code code, const Parts&... parts) {
  throw Error(code, From::Lxc, join(parts...));
}

template <typename... Parts>
[[noreturn]] void fail_from(From from, Code code, const Parts&... parts) {
  throw Error(code, from, join(parts...));
}

/// Like fail(), with the kernel's words for `value` last.
template <typename... Parts>
[[noreturn]] void fail_errno_value(int value, Code code, const Parts&... parts) {
  throw Error(code, From::Lxc, join(parts...), value);
}

template <typename... Parts>
[[noreturn]] void fail_errno(Code code, const Parts&... parts) {
  fail_errno_value(errno, code, parts...);
}

}  // namespace base
