// This daemon's own connection to one of libvirt's other drivers, through libvirt's client library: opened when first
// needed, and again when the daemon at the other end has been restarted. Calls block; any thread but the loop's.
#pragma once

#include <libvirt/libvirt.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "driver/siblings.hpp"

namespace driver {

/// Throws what the last libvirt call on this thread failed with, code, domain and text as they came.
[[noreturn]] void fail_as_libvirt();
/// What that was; a value of virErrorNumber.
int last_libvirt_code();

class SiblingClient {
 public:
  SiblingClient(const Siblings& siblings, rpc::Subdriver subdriver) : siblings_(siblings), subdriver_(subdriver) {}

  /// Throws as libvirt's own daemons do when nobody is there.
  using Connection = std::shared_ptr<virConnect>;
  Connection connect();
  /// `use` on the connection there is; once more on a new one if the old one turns out to have ended.
  template <typename Use>
  auto with(Use use) {
    const Connection connection = connect();
    try {
      return use(connection.get());
    } catch (const base::Error&) {
      if (virConnectIsAlive(connection.get()) == 1) throw;
    }
    return use(connect().get());
  }

 private:
  const Siblings& siblings_;
  const rpc::Subdriver subdriver_;
  std::mutex mutex_;
  Connection connection_;
};

}  // namespace driver
