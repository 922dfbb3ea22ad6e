// Compares containers' interfaces with a veth pair made by hand, and with another such pair, which tells what chance
// does: what goes through them and how long an answer takes; and times starts with no, one and more interfaces. All sit
// in the same bridge and take turns, so that whatever else the machine does concerns them alike.
#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "measurement.hpp"
#include "support/bridge.hpp"
#include "support/command.hpp"
#include "support/deadline.hpp"
#include "support/domain_xml.hpp"
#include "support/handles.hpp"
#include "support/inside.hpp"
#include "support/rootfs.hpp"
#include "support/scratch.hpp"
#include "support/transfer.hpp"

namespace {

using bench::give_up;
using bench::Table;

struct Options {
  std::vector<std::string> uris;  // NAME=URI
  int rounds = 15;
  int starts = 30;
  int cpu = -1;      // for both ends of what goes through; negative: the kernel chooses, and rounds differ by far more
  std::string json;  // file, for what goes through
};

/// A process in a network namespace of its own, with eth0 in the bridge, made by ip(8) alone.
class BareNamespace {
 public:
  BareNamespace(const support::Bridge& bridge, int host) {
    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) != 0 || (process_ = ::fork()) < 0) throw std::runtime_error("cannot make a process");
    if (process_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::unshare(CLONE_NEWNET) == 0 && ::write(ready[1], "", 1) == 1) ::pause();
      ::_exit(1);
    }
    ::close(ready[1]);
    char byte;
    const bool there = ::read(ready[0], &byte, 1) == 1;
    ::close(ready[0]);
    const std::string process = std::to_string(process_), end = "lxb" + process;
    const std::string inside = "nsenter -n -t " + process + " ip ";
    const support::Output made =
        support::shell("ip link add " + end + " type veth peer name eth0 netns " + process + " && ip link set " + end +
                       " master " + bridge.name() + " up && " + inside + "addr add " + bridge.address(host) +
                       "/24 dev eth0 && " + inside + "link set eth0 up && " + inside + "link set lo up");
    if (!there || made.status != 0) throw std::runtime_error("cannot make a veth pair: " + made.text);
  }
  ~BareNamespace() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  BareNamespace(const BareNamespace&) = delete;
  BareNamespace& operator=(const BareNamespace&) = delete;
  pid_t process() const { return process_; }

 private:
  pid_t process_ = -1;
};

support::DomainXml container(const support::Rootfs& root, const std::string& name) {
  support::DomainXml definition;
  definition.name = support::own_name(name);
  definition.root = root.path();
  definition.init = "/bin/sleep";
  definition.arguments = {"100000"};
  definition.private_network = false;
  return definition;
}

class Container {
 public:
  Container(virConnectPtr connection, const support::DomainXml& definition)
      : domain_(virDomainCreateXML(connection, definition.text().c_str(), 0)) {
    if (!domain_) give_up("start of " + definition.name);
  }
  ~Container() { virDomainDestroy(domain_); }
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;
  pid_t process() const { return support::init_pid(domain_); }

 private:
  support::Domain domain_;
};

struct Daemon {
  explicit Daemon(const std::string& pair)
      : name(pair.substr(0, pair.find('='))), connection(virConnectOpen(pair.substr(pair.find('=') + 1).c_str())) {
    if (!connection) give_up("cannot open " + pair);
  }
  std::string name;
  support::Connection connection;
};

constexpr char kBare[] = "bare veth", kAnotherBare[] = "another bare veth";

/// Two ends that talk to each other and to the bridge.
struct Pair {
  std::string column;
  support::TransferEnd first, second;
  std::string first_address, second_address;
};

void stay_on(int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  if (::sched_setaffinity(0, sizeof cpus, &cpus) != 0)
    throw std::runtime_error("CPU " + std::to_string(cpu) + " is none of ours");
}

void measure_traffic(const Options& options, const std::vector<Daemon>& daemons, const support::Rootfs& root) {
  constexpr std::uint64_t kSkipped = 20'000'000, kBytes = 100'000'000;  // short, so that turns are close together
  constexpr int kAnswers = 2500, kFirstHost = 10;
  const support::Bridge bridge;
  const auto with_address = [&](const Daemon& daemon, int host) {
    support::DomainXml definition = container(root, daemon.name + std::to_string(host));
    definition.devices = support::bridge_interface(bridge.name(), "",
                                                   "      <ip address='" + bridge.address(host) + "' prefix='24'/>\n");
    return std::make_unique<Container>(daemon.connection, definition);
  };
  std::vector<std::unique_ptr<BareNamespace>> namespaces;
  std::vector<std::unique_ptr<Container>> containers;
  std::vector<Pair> pairs;
  std::vector<std::string> columns;
  int host = kFirstHost;
  for (const char* column : {kBare, kAnotherBare}) {
    Pair pair{column, {}, {}, bridge.address(host), bridge.address(host + 1)};
    for (auto* end : {&pair.first, &pair.second}) {
      namespaces.push_back(std::make_unique<BareNamespace>(bridge, host++));
      *end = {namespaces.back()->process()};
    }
    pairs.push_back(pair);
    columns.emplace_back(column);
  }
  for (const auto& daemon : daemons) {
    Pair pair{daemon.name, {}, {}, bridge.address(host), bridge.address(host + 1)};
    for (auto* end : {&pair.first, &pair.second}) {
      containers.push_back(with_address(daemon, host++));
      *end = {containers.back()->process()};
    }
    pairs.push_back(pair);
    columns.push_back(daemon.name);
  }
  Table table(columns);
  if (options.cpu >= 0) stay_on(options.cpu);
  for (int i = 0; i < options.rounds; ++i) {
    std::rotate(pairs.begin(), pairs.begin() + 1, pairs.end());  // nobody is always the first
    std::map<std::string, std::map<std::string, double>> found;  // by row and column
    for (const auto& pair : pairs) {
      const support::TransferEnd outside;
      const auto rate = [&](const char* row, support::TransferEnd from, support::TransferEnd to,
                            const std::string& address) {
        found[row][pair.column] = support::transfer_rate(from, to, address, kSkipped, kBytes) / 1e6;
        table.add(row, "MB/s", pair.column, found[row][pair.column]);
      };
      rate("into it", outside, pair.first, pair.first_address);
      rate("out of it", pair.first, outside, bridge.address());
      rate("between two", pair.first, pair.second, pair.second_address);
      found["answer"][pair.column] = support::answer_time(pair.first, pair.second, pair.second_address, kAnswers) * 1e6;
      table.add("answer", "us", pair.column, found["answer"][pair.column]);
    }
    // A machine is slower in one round than in the next, so a round's figures are compared among themselves.
    for (const auto& [row, values] : found) {
      const double bare = (values.at(kBare) + values.at(kAnotherBare)) / 2;
      for (const auto& [column, value] : values) table.add(row + ", of bare ones'", "x", column, value / bare);
    }
  }
  bench::save_json(table, options.json);
  std::printf("%d rounds\n%s", options.rounds, table.text().c_str());
}

void measure_starts(const Options& options, const std::vector<Daemon>& daemons, const support::Rootfs& root) {
  const support::Bridge bridge;
  std::vector<std::string> columns;
  for (const auto& daemon : daemons) columns.push_back(daemon.name);
  Table table(columns);
  for (int i = 0; i < options.starts; ++i) {
    for (const int count : {0, 1, 2, 8}) {
      for (const auto& daemon : daemons) {
        support::DomainXml definition = container(root, daemon.name);
        definition.private_network = count == 0;
        for (int n = 0; n < count; ++n) definition.devices += support::bridge_interface(bridge.name());
        const std::string row = std::to_string(count) + " interfaces";
        support::Domain domain;
        table.add("start, " + row, "ms", daemon.name, support::milliseconds_of([&] {
                    domain = support::Domain(virDomainCreateXML(daemon.connection, definition.text().c_str(), 0));
                  }));
        if (!domain) give_up("start of " + definition.name);
        table.add("destroy, " + row, "ms", daemon.name, support::milliseconds_of([&] { virDomainDestroy(domain); }));
      }
    }
  }
  std::printf("\n%d starts\n%s", options.starts, table.text().c_str());
}

}  // namespace

int main(int count, char** words) {
  Options options;
  CLI::App application("Compares containers' network interfaces with a veth pair made by hand");
  application.add_option("--uri", options.uris, "NAME=URI of a daemon; several take turns")->required();
  application.add_option("--rounds", options.rounds, "of transfers")->capture_default_str();
  application.add_option("--starts", options.starts, "of each number of interfaces")->capture_default_str();
  application.add_option("--cpu", options.cpu, "for both ends of transfers, which are even then; -1: any");
  application.add_option("--json", options.json, "also write the table of transfers to this file");
  CLI11_PARSE(application, count, words);
  return bench::run_program("network_bench", [&] {
    std::vector<Daemon> daemons;
    for (const auto& pair : options.uris) daemons.emplace_back(pair);
    const support::Rootfs root;
    measure_starts(options, daemons, root);
    measure_traffic(options, daemons, root);
  });
}
