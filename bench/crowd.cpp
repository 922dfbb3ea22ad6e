#include "crowd.hpp"

#include "measurement.hpp"
#include "support/scratch.hpp"

namespace bench {

Crowd::Crowd(virConnectPtr connection, const support::Rootfs& root, const support::Bridge& bridge)
    : connection_(connection) {
  pattern_.root = root.path();
  pattern_.init = "/bin/sleep";
  pattern_.arguments = {"100000"};
  pattern_.private_network = false;
  pattern_.devices = support::bridge_interface(bridge.name());
}

Crowd::~Crowd() {
  for (const auto& domain : domains_) virDomainDestroy(domain);
}

void Crowd::grow_to(std::size_t count) {
  while (domains_.size() < count) domains_.push_back(create("crowd" + std::to_string(domains_.size())));
}

support::Domain Crowd::create(const std::string& word) {
  pattern_.name = support::own_name(word);
  support::Domain domain(virDomainCreateXML(connection_, pattern_.text().c_str(), 0));
  if (!domain) give_up("start of " + pattern_.name);
  return domain;
}

}  // namespace bench
