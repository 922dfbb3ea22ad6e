#include "base/error.hpp"

#include <cstring>

namespace base {

Error::Error(Code code, From from, std::string detail, int system_errno)
    : code_(code), from_(from), errno_(system_errno), detail_(std::move(detail)) {
  if (errno_ != 0) detail_ += std::string(": ") + std::strerror(errno_);
}

std::string Error::message() const {
  std::string text = message_template(code_);
  const auto at = text.find("%s");
  if (at == std::string::npos) return text;
  return text.replace(at, 2, detail_);
}

const char* message_template(Code code) noexcept {
  switch (code) {
    case Code::InternalError:
      return "internal error: %s";
    case Code::NoMemory:
      return "out of memory: %s";
    case Code::NoSupport:
      return "this function is not supported by the connection driver: %s";
    case Code::NoConnect:
      return "no connection driver available for %s";
    case Code::InvalidArg:
      return "invalid argument: %s";
    case Code::OperationFailed:
      return "operation failed: %s";
    case Code::NoName:
      return "missing name information in %s";
    case Code::NoSource:
      return "missing source information for device %s";
    case Code::NoTarget:
      return "missing target information for device %s";
    case Code::XmlError:
      return "XML error: %s";
    case Code::XmlInvalidSchema:
      return "XML document failed to validate against schema: %s";
    case Code::ConfSyntax:
      return "configuration file syntax error: %s";
    case Code::DomExist:
      return "domain %s exists already";
    case Code::OperationDenied:
      return "operation forbidden: %s";
    case Code::Rpc:
      return "RPC error: %s";
    case Code::NoDomain:
      return "Domain not found: %s";
    case Code::NoNetwork:
      return "Network not found: %s";
    case Code::InvalidMac:
      return "invalid MAC address: %s";
    case Code::AuthFailed:
      return "authentication failed: %s";
    case Code::OperationInvalid:
      return "Requested operation is not valid: %s";
    case Code::ConfigUnsupported:
      return "unsupported configuration: %s";
    case Code::OperationTimeout:
      return "Timed out during operation: %s";
    case Code::HookScriptFailed:
      return "Hook script execution failed: %s";
    case Code::ArgumentUnsupported:
      return "argument unsupported: %s";
    case Code::AuthCancelled:
      return "authentication cancelled: %s";
    case Code::NoDomainMetadata:
      return "metadata not found: %s";
    case Code::Overflow:
      return "numerical overflow: %s";
    case Code::OperationUnsupported:
      return "Operation not supported: %s";
    case Code::OperationAborted:
      return "operation aborted: %s";
    case Code::AuthUnavailable:
      return "authentication unavailable: %s";
    case Code::DbusService:
      return "error from service: %s";
    case Code::AccessDenied:
      return "access denied: %s";
    case Code::CpuIncompatible:
      return "the CPU is incompatible with host CPU: %s";
    case Code::ResourceBusy:
      return "resource busy: %s";
    case Code::NoHostname:
      return "no hostname found: %s";
    case Code::DeviceMissing:
      return "device not found: %s";
    case Code::NoServer:
      return "Server not found: %s";
    case Code::NoClient:
      return "Client not found: %s";
    case Code::Ok:
    case Code::XmlDetail:
    case Code::SystemError:
      return "%s";
  }
  return "%s";
}

}  // namespace base
