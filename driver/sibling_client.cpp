#include "driver/sibling_client.hpp"

#include <libvirt/virterror.h>

#include <cstring>

#include "base/error.hpp"

namespace driver {

int last_libvirt_code() {
  const virErrorPtr error = virGetLastError();
  return error ? error->code : VIR_ERR_OK;
}

void fail_as_libvirt() {
  const virErrorPtr error = virGetLastError();
  if (!error) base::fail(base::Code::InternalError, "a libvirt call failed without saying why");
  const auto code = static_cast<base::Code>(error->code);
  // The code's own prefix is put before the detail again; where we know none, the whole text is the detail.
  const bool prefixed = std::strcmp(base::message_template(code), "%s") != 0 && error->str2;
  throw base::Error(code, static_cast<base::From>(error->domain),
                    prefixed ? error->str2 : (error->message ? error->message : "unknown error"));
}

SiblingClient::Connection SiblingClient::connect() {
  const std::scoped_lock lock(mutex_);
  if (connection_ && virConnectIsAlive(connection_.get()) == 1) return connection_;
  static const bool quiet = [] {
    virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});  // it would print every error
    return virInitialize() == 0;
  }();
  if (!quiet) fail_as_libvirt();
  const virConnectPtr opened = virConnectOpen(siblings_.client_uri(subdriver_).c_str());
  if (!opened) fail_as_libvirt();
  connection_ = Connection(opened, [](virConnectPtr connection) { virConnectClose(connection); });
  return connection_;
}

}  // namespace driver
