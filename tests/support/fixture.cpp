#include "support/fixture.hpp"

#include <stdexcept>

namespace support {

namespace {
Domain must(virDomainPtr domain, const std::string& what) {
  if (!domain) throw std::runtime_error(what + ": " + describe(last_failure()));
  return Domain(domain);
}
}  // namespace

SystemTest::SystemTest() : connection_(host().connect()) {}

void SystemTest::TearDown() {
  // Not on this test's connection: the test may have broken it on purpose.
  const Connection connection = host().connect();
  remove_own_domains(connection);
  if (host().is_stock()) return;  // leaves cgroup directories, /run files and mount points behind (L2, L3)
  for (const auto& left : wait_for_no_traces(prefix() + "-", host().daemon() ? host().daemon()->state_folder() : "")) {
    ADD_FAILURE() << "left behind: " << left;
  }
}

DomainXml SystemTest::xml(const std::string& word, const Rootfs* root) {
  DomainXml definition;
  definition.name = own_name(word);
  if (root) definition.root = root->path();
  return definition;
}

Domain SystemTest::define(const std::string& xml) const {
  return must(virDomainDefineXML(connection_, xml.c_str()), "define");
}

Domain SystemTest::define_and_start(const std::string& xml) const {
  Domain domain = define(xml);
  if (virDomainCreate(domain) < 0) throw std::runtime_error("start: " + describe(last_failure()));
  return domain;
}

Domain SystemTest::create(const std::string& xml, unsigned flags) const {
  return must(virDomainCreateXML(connection_, xml.c_str(), flags), "create");
}

int state_of(virDomainPtr domain) {
  int state = -1;
  return virDomainGetState(domain, &state, nullptr, 0) < 0 ? -1 : state;
}

std::string state_and_reason(virDomainPtr domain) {
  static const char* const names[] = {"nostate",  "running", "blocked", "paused",
                                      "shutdown", "shutoff", "crashed", "pmsuspended"};
  int state = -1;
  int reason = -1;
  if (virDomainGetState(domain, &state, &reason, 0) < 0) return describe(last_failure());
  return (state >= 0 && state < 8 ? std::string(names[state]) : "state" + std::to_string(state)) + "/" +
         std::to_string(reason);
}

bool wait_for_state(virDomainPtr domain, int state, Milliseconds limit) {
  return eventually([&] { return state_of(domain) == state; }, limit);
}

bool wait_for_init(virDomainPtr domain) {
  const auto known = [&] { return virDomainSendProcessSignal(domain, 1, VIR_DOMAIN_PROCESS_SIGNAL_NOP, 0) == 0; };
  return host().is_stock() ? eventually(known) : known();
}

int id_of(virDomainPtr domain) {
  // Not virDomainGetID: that tells what the handle knew when it was made.
  Domain fresh(virDomainLookupByName(virDomainGetConnect(domain), virDomainGetName(domain)));
  return fresh ? static_cast<int>(virDomainGetID(fresh)) : -2;
}

std::string uuid_of(virDomainPtr domain) {
  char text[VIR_UUID_STRING_BUFLEN] = "";
  virDomainGetUUIDString(domain, text);
  return text;
}

std::string dump(virDomainPtr domain, unsigned flags) {
  return take(virDomainGetXMLDesc(domain, flags));
}

void remove_own_domains(virConnectPtr connection) {
  virDomainPtr* domains = nullptr;
  const int count = virConnectListAllDomains(connection, &domains, 0);
  for (int i = 0; i < count; ++i) {
    Domain domain(domains[i]);
    if (!std::string(virDomainGetName(domain)).starts_with(prefix())) continue;
    if (virDomainIsActive(domain) == 1) virDomainDestroy(domain);
    if (virDomainIsPersistent(domain) == 1) virDomainUndefine(domain);
  }
  free(domains);
}

}  // namespace support
