// Times statistics of many running containers as a libvirt client gets them: all in one call where the daemon has such
// a call, and domain by domain. Daemons may hold different numbers of containers; figures are per container.
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "crowd.hpp"
#include "measurement.hpp"
#include "support/bridge.hpp"
#include "support/deadline.hpp"
#include "support/domain_xml.hpp"
#include "support/handles.hpp"
#include "support/rootfs.hpp"

namespace {

using bench::check;
using bench::Crowd;
using bench::give_up;
using bench::Table;

/// Milliseconds of one call for all; negative if the daemon has no such call.
double ask_together(virConnectPtr connection, const Crowd& crowd, unsigned groups) {
  virDomainStatsRecordPtr* records = nullptr;
  int count = 0;
  const double ms =
      support::milliseconds_of([&] { count = virConnectGetAllDomainStats(connection, groups, &records, 0); });
  if (count < 0 && virGetLastError()->code == VIR_ERR_NO_SUPPORT) return -1;
  check(count, "statistics of all domains");
  if (static_cast<std::size_t>(count) != crowd.domains().size()) throw std::runtime_error("domains are missing");
  virDomainStatsRecordListFree(records);
  return ms;
}

/// The same figures, as far as each has them, by calls for one domain: milliseconds for all domains.
double ask_one_by_one(const Crowd& crowd, const std::vector<std::string>& links) {
  return support::milliseconds_of([&] {
    for (std::size_t i = 0; i < crowd.domains().size(); ++i) {
      const virDomainPtr domain = crowd.domains()[i];
      int state = 0, reason = 0;
      virDomainInfo info;
      virTypedParameter cpu[3];
      virDomainMemoryStatStruct memory[VIR_DOMAIN_MEMORY_STAT_NR];
      virDomainInterfaceStatsStruct traffic;
      virDomainBlockStatsStruct blocks;
      check(virDomainGetState(domain, &state, &reason, 0), "state");
      check(virDomainGetInfo(domain, &info), "info");
      check(virDomainGetCPUStats(domain, cpu, 3, -1, 1, 0), "CPU");
      check(virDomainMemoryStats(domain, memory, VIR_DOMAIN_MEMORY_STAT_NR, 0), "memory");
      check(virDomainInterfaceStats(domain, links[i].c_str(), &traffic, sizeof traffic), "interface");
      virDomainBlockStats(domain, "", &blocks, sizeof blocks);  // where the kernel counts
    }
  });
}

std::vector<std::string> links_of(const Crowd& crowd) {
  std::vector<std::string> links;
  for (const auto& domain : crowd.domains()) {
    const std::unique_ptr<char, decltype(&free)> text(virDomainGetXMLDesc(domain, 0), free);
    links.push_back(support::xpath(text.get(), "string(//interface/target/@dev)"));
  }
  return links;
}

struct Group {
  const char* name;
  unsigned bits;
};
constexpr Group kGroups[] = {{"state", VIR_DOMAIN_STATS_STATE},     {"cpu", VIR_DOMAIN_STATS_CPU_TOTAL},
                             {"balloon", VIR_DOMAIN_STATS_BALLOON}, {"interface", VIR_DOMAIN_STATS_INTERFACE},
                             {"block", VIR_DOMAIN_STATS_BLOCK},     {"all groups", 0}};

/// One column per number of containers; milliseconds for all, and microseconds for each.
void measure(const std::string& name, const std::string& uri, const std::vector<std::size_t>& sizes, int rounds,
             const support::Rootfs& root, const support::Bridge& bridge) {
  std::vector<std::string> columns;
  for (const auto size : sizes) columns.push_back(std::to_string(size));
  Table table(columns);
  const support::Connection connection(virConnectOpen(uri.c_str()));
  if (!connection) give_up("cannot open " + uri);
  Crowd crowd(connection, root, bridge);
  for (const auto size : sizes) {
    crowd.grow_to(size);
    const auto links = links_of(crowd);
    const std::string column = std::to_string(size);
    for (int i = -1; i < rounds; ++i) {  // the first warms up
      const auto add = [&](const std::string& row, double ms) {
        if (i < 0 || ms < 0) return;
        table.add(row, "ms", column, ms);
        table.add(row + ", each", "us", column, ms * 1000 / static_cast<double>(size));
      };
      for (const auto& group : kGroups) add(group.name, ask_together(connection, crowd, group.bits));
      add("one by one", ask_one_by_one(crowd, links));
    }
  }
  std::printf("%s, by number of running containers\n%s", name.c_str(), table.text().c_str());
}

}  // namespace

int main(int count, char** words) {
  std::vector<std::string> uris;
  std::vector<std::size_t> sizes = {30};
  std::string many;
  std::vector<std::size_t> many_sizes = {30, 100, 300, 1000};
  int rounds = 10;
  CLI::App application("Times statistics of many containers of libvirt container daemons");
  application.add_option("--uri", uris, "NAME=URI of a daemon")->required();
  application.add_option("--sizes", sizes, "numbers of containers, ascending")->capture_default_str();
  application.add_option("--many", many, "name of the daemon that gets the numbers of --many-sizes instead");
  application.add_option("--many-sizes", many_sizes, "numbers of containers, ascending")->capture_default_str();
  application.add_option("--rounds", rounds, "ask this often")->capture_default_str();
  CLI11_PARSE(application, count, words);
  return bench::run_program("stats_bench", [&] {
    const support::Rootfs root;
    const support::Bridge bridge;
    for (const auto& pair : uris) {
      const std::string name = pair.substr(0, pair.find('='));
      measure(name, pair.substr(name.size() + 1), name == many ? many_sizes : sizes, rounds, root, bridge);
    }
  });
}
