// The base of the suite's tests: a connection, definitions with the suite's names, and clean-up that leaves nothing of
// them.
#pragma once

#include <gtest/gtest.h>
#include <libvirt/libvirt.h>

#include <memory>
#include <string>

#include "support/bridge.hpp"
#include "support/command.hpp"
#include "support/console.hpp"
#include "support/deadline.hpp"
#include "support/domain_xml.hpp"
#include "support/events.hpp"
#include "support/handles.hpp"
#include "support/host.hpp"
#include "support/inside.hpp"
#include "support/leaks.hpp"
#include "support/result.hpp"
#include "support/rootfs.hpp"
#include "support/scratch.hpp"

namespace support {

class SystemTest : public testing::Test {
 protected:
  SystemTest();
  /// Destroys and undefines every domain with the suite's prefix, then fails the test if anything of them is left on
  /// the host.
  void TearDown() override;

  /// A definition named own_name(word) on `root` (or without a root filesystem).
  static DomainXml xml(const std::string& word, const Rootfs* root = nullptr);
  static DomainXml xml(const std::string& word, const Rootfs& root) { return xml(word, &root); }

  /// Throw with libvirt's message when they fail.
  Domain define(const std::string& xml) const;
  Domain define_and_start(const std::string& xml) const;
  Domain create(const std::string& xml, unsigned flags = 0) const;

  Connection connection_;
};

int state_of(virDomainPtr domain);
/// "shutoff/1": state and reason by number.
std::string state_and_reason(virDomainPtr domain);
bool wait_for_state(virDomainPtr domain, int state, Milliseconds limit = patience());
/// Waits until the daemon can signal init and open its namespaces: at once, but stock learns init's pid after the
/// start's reply.
bool wait_for_init(virDomainPtr domain);
int id_of(virDomainPtr domain);
std::string uuid_of(virDomainPtr domain);
std::string dump(virDomainPtr domain, unsigned flags = 0);
/// Destroys and undefines what carries the suite's prefix.
void remove_own_domains(virConnectPtr connection);

}  // namespace support
