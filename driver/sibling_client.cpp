#include "driver/sibling_client.hpp"

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

SiblingClient::SiblingClient(const Siblings& siblings, rpc::Subdriver subdriver)
    : name_(siblings.objects_of(subdriver)),
      limit_(siblings.answer_limit()),
      link_(std::make_shared<Link>([&siblings, subdriver] { return siblings.client_uri(subdriver); })) {}

SiblingClient::Connection SiblingClient::Link::connect() {
  const std::scoped_lock lock(mutex);
  if (connection && virConnectIsAlive(connection.get()) == 1) return connection;
  const std::string where = uri();  // before the library is used at all: it brings 11 MiB along
  static const bool quiet = [] {
    virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});  // it would print every error
    return virInitialize() == 0;
  }();
  if (!quiet) fail_as_libvirt();
  const virConnectPtr opened = virConnectOpen(where.c_str());
  if (!opened) fail_as_libvirt();
  connection = Connection(opened, [](virConnectPtr ended) { virConnectClose(ended); });
  return connection;
}

bool SiblingClient::Turn::abandon(Link& link) {
  ++link.owed;
  if (state_.exchange(State::Abandoned) == State::Running) return true;
  --link.owed;
  return false;
}

void SiblingClient::Turn::end(Link& link) {
  if (state_.exchange(State::Ended) == State::Abandoned) --link.owed;
}

void SiblingClient::require_answering() const {
  if (link_->owed > 0) fail_silent();
}

void SiblingClient::fail_silent() const {
  base::fail_from(base::From::Rpc, base::Code::OperationTimeout, "the daemon that has the ", name_, " does not answer");
}

}  // namespace driver
