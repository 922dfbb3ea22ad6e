#include "importer/client.hpp"

#include <libvirt/virterror.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.hpp"
#include "domain-xml/parse.hpp"

namespace importer {
namespace {

struct FreeDomain {
  void operator()(virDomain* domain) const noexcept { virDomainFree(domain); }
};
using Domain = std::unique_ptr<virDomain, FreeDomain>;

[[noreturn]] void fail_as_library(const std::string& what) {
  const virError* const error = virGetLastError();
  base::fail(error ? static_cast<base::Code>(error->code) : base::Code::InternalError, what, ": ",
             error && error->message ? error->message : "unknown error");
}

/// The library prints errors by itself unless told otherwise.
void be_quiet() {
  virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
}

std::vector<Domain> all_of(virConnect* connection) {
  virDomainPtr* domains = nullptr;
  const int count = virConnectListAllDomains(connection, &domains, VIR_CONNECT_LIST_DOMAINS_PERSISTENT);
  if (count < 0) fail_as_library("cannot list domains");
  std::vector<Domain> list;
  list.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) list.emplace_back(domains[i]);
  std::free(domains);
  return list;
}

ForeignDomain read(virDomain* domain) {
  ForeignDomain found{.name = virDomainGetName(domain)};
  const std::unique_ptr<char, decltype(&std::free)> xml(virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE),
                                                        std::free);
  int autostart = 0;
  if (!xml || virDomainGetAutostart(domain, &autostart) < 0) fail_as_library("cannot read domain '" + found.name + "'");
  found.xml = xml.get();
  found.autostart = autostart != 0;
  found.running = virDomainIsActive(domain) == 1;
  return found;
}

}  // namespace

std::vector<ForeignDomain> list_domains(const std::string& uri, const std::vector<std::string>& names) {
  be_quiet();
  const std::unique_ptr<virConnect, void (*)(virConnect*)> connection(virConnectOpenReadOnly(uri.c_str()),
                                                                      [](virConnect* open) { virConnectClose(open); });
  if (!connection) fail_as_library("cannot connect to '" + uri + "'");
  std::vector<ForeignDomain> list;
  for (const Domain& domain : all_of(connection.get())) list.push_back(read(domain.get()));
  const auto by_name = [](const ForeignDomain& a, const ForeignDomain& b) { return a.name < b.name; };
  std::sort(list.begin(), list.end(), by_name);
  if (names.empty()) return list;
  std::vector<ForeignDomain> chosen;
  for (const std::string& name : names) {
    const auto found = std::find_if(list.begin(), list.end(), [&](const auto& one) { return one.name == name; });
    if (found != list.end())
      chosen.push_back(*found);
    else
      chosen.push_back({.name = name, .problem = "there is no persistent domain of this name"});
  }
  return chosen;
}

Target::Target(const std::string& uri) {
  be_quiet();
  connection_.reset(virConnectOpen(uri.c_str()));
  if (!connection_) fail_as_library("cannot connect to '" + uri + "'");
}

std::string Target::clash(const Found& found) const {
  if (Domain(virDomainLookupByName(connection_.get(), found.name.c_str())))
    return "a domain of this name is there already";
  const std::string uuid = base::format_uuid(domain_xml::parse_domain(found.xml).uuid);
  const Domain other(virDomainLookupByUUIDString(connection_.get(), uuid.c_str()));
  return other ? "its uuid is that of the domain '" + std::string(virDomainGetName(other.get())) + "'" : "";
}

void Target::define(const Found& found) const {
  const Domain domain(virDomainDefineXML(connection_.get(), found.xml.c_str()));
  if (!domain) fail_as_library("cannot define it");
  if (found.autostart && virDomainSetAutostart(domain.get(), 1) < 0) {
    const std::string why = virGetLastErrorMessage();
    virDomainUndefine(domain.get());
    base::fail(base::Code::OperationFailed, "cannot have it start with the host: ", why);
  }
}

}  // namespace importer
