// What calls cost while more and more containers run beside: start and destroy of one more, the list, one container's
// info, and statistics of all. Containers are idle and have a veth in a bridge.
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "crowd.hpp"
#include "measurement.hpp"
#include "support/bridge.hpp"
#include "support/deadline.hpp"
#include "support/handles.hpp"
#include "support/rootfs.hpp"

namespace {

using bench::check;
using bench::Crowd;
using bench::give_up;
using bench::Table;

struct Options {
  std::string uri, json, while_running;
  std::vector<std::size_t> sizes = {1, 10, 100, 300, 1000};
  int rounds = 10;
  bool as_it_is = false;
};

/// What the client library then takes to free the handles, 1 us each, has nothing to do with the daemon: a row of its
/// own.
int list(virConnectPtr connection, Table& table, const std::string& column) {
  virDomainPtr* domains = nullptr;
  int count = -1;
  const double ms = support::milliseconds_of([&] { count = virConnectListAllDomains(connection, &domains, 0); });
  check(count, "list");
  table.add("list", "ms", column, ms);
  table.add("list's handles freed", "ms", column, support::milliseconds_of([&] {
              for (int i = 0; i < count; ++i) virDomainFree(domains[i]);
            }));
  free(domains);
  return count;
}

void round(virConnectPtr connection, Crowd& crowd, Table& table, const std::string& column) {
  support::Domain one;
  table.add("start", "ms", column, support::milliseconds_of([&] { one = crowd.create("more"); }));
  table.add("destroy", "ms", column, support::milliseconds_of([&] { check(virDomainDestroy(one), "destroy"); }));
  // The kernel takes down what is left of it after the answer: that is not for the questions to pay.
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  list(connection, table, column);
  virDomainInfo info;
  table.add("info", "ms", column,
            support::milliseconds_of([&] { check(virDomainGetInfo(crowd.domains().front(), &info), "info"); }));
  virDomainStatsRecordPtr* records = nullptr;
  int count = 0;
  const double ms = support::milliseconds_of(
      [&] { count = virConnectGetAllDomainStats(connection, 0, &records, VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE); });
  if (count < 0 && virGetLastError()->code == VIR_ERR_NO_SUPPORT) return;
  check(count, "statistics");
  virDomainStatsRecordListFree(records);
  if (static_cast<std::size_t>(count) < crowd.domains().size()) throw std::runtime_error("statistics miss domains");
  table.add("statistics of all", "ms", column, ms);
}

void measure(const Options& options) {
  const support::Connection connection(virConnectOpen(options.uri.c_str()));
  if (!connection) give_up("cannot open " + options.uri);
  if (options.as_it_is) {
    const int domains = virConnectNumOfDomains(connection) + virConnectNumOfDefinedDomains(connection);
    const std::string column = std::to_string(domains);
    Table table({column});
    for (int i = 0; i < options.rounds; ++i)
      if (list(connection, table, column) != domains) throw std::runtime_error("the list has changed");
    bench::save_json(table, options.json);
    std::printf("by number of domains\n%s", table.text().c_str());
    return;
  }
  const support::Rootfs root;
  const support::Bridge bridge;
  std::vector<std::string> columns;
  for (const auto size : options.sizes) columns.push_back(std::to_string(size));
  Table table(columns);
  Crowd crowd(connection, root, bridge);
  for (const auto size : options.sizes) {
    crowd.grow_to(size);
    Table warm_up(columns);
    round(connection, crowd, warm_up, std::to_string(size));
    for (int i = 0; i < options.rounds; ++i) round(connection, crowd, table, std::to_string(size));
  }
  bench::save_json(table, options.json);
  std::printf("by number of running containers\n%s", table.text().c_str());
  std::fflush(stdout);
  if (!options.while_running.empty() && std::system(options.while_running.c_str()) != 0)
    throw std::runtime_error("'" + options.while_running + "' failed");
}

}  // namespace

int main(int count, char** words) {
  Options options;
  CLI::App application("Times calls by the number of containers that run beside");
  application.add_option("--uri", options.uri, "of a libvirt daemon")->required();
  application.add_option("--sizes", options.sizes, "numbers of containers, ascending")->capture_default_str();
  application.add_option("--rounds", options.rounds, "of each number")->capture_default_str();
  application.add_option("--json", options.json, "also write the table to this file");
  application.add_option("--while-running", options.while_running, "run this with sh while the last number runs");
  application.add_flag("--as-it-is", options.as_it_is, "start nothing: only time the list of what is there");
  CLI11_PARSE(application, count, words);
  return bench::run_program("growth_bench", [&] { measure(options); });
}
