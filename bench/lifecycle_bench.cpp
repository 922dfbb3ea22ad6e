// Times what a libvirt client sees of one or several daemons: start and destroy of a busybox container with a veth in a
// bridge and a memory limit, the everyday calls, and the memory of the supervising process. Daemons take turns within
// each cycle, so that whatever else the machine does concerns them alike.
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "measurement.hpp"
#include "support/bridge.hpp"
#include "support/deadline.hpp"
#include "support/domain_xml.hpp"
#include "support/handles.hpp"
#include "support/rootfs.hpp"
#include "support/scratch.hpp"

namespace {

using bench::check;
using bench::give_up;
using bench::Table;

struct Options {
  std::vector<std::string> uris;  // NAME=URI
  int cycles = 50;
  int calls = 500;
  int idle_containers = 0;
  std::string json;  // file
};

/// Kilobytes of `key` in the process's smaps_rollup.
double memory_of(unsigned pid, const std::string& key) {
  const std::string text = support::read_text("/proc/" + std::to_string(pid) + "/smaps_rollup");
  const auto at = text.find("\n" + key + ":");
  return at == std::string::npos ? 0 : std::stod(text.substr(at + key.size() + 2));
}

/// One daemon and the container on it that is started and destroyed over and over.
class Contestant {
 public:
  Contestant(std::string name, const std::string& uri, const support::Rootfs& root, const support::Bridge& bridge)
      : name_(std::move(name)), uri_(uri), connection_(virConnectOpen(uri.c_str())) {
    if (!connection_) give_up("cannot open " + uri);
    definition_.name = support::own_name("bench");
    definition_.root = root.path();
    definition_.init = "/bin/sleep";
    definition_.arguments = {"100000"};
    definition_.private_network = false;
    definition_.devices = support::bridge_interface(bridge.name());
    domain_ = define(definition_);
  }
  ~Contestant() {
    for (const auto& domain : crowd_) {
      virDomainDestroy(domain);
      virDomainUndefine(domain);
    }
    if (!domain_) return;
    if (virDomainIsActive(domain_) == 1) virDomainDestroy(domain_);
    virDomainUndefine(domain_);
  }

  /// Idle containers that stay during the measurements.
  void fill(int count) {
    for (int i = 0; i < count; ++i) {
      support::DomainXml one = definition_;
      one.name = support::own_name("idle" + std::to_string(i));
      crowd_.push_back(define(one));
      check(virDomainCreate(crowd_.back()), "start of " + one.name);
    }
  }

  void cycle(Table& table) {
    table.add("start", "ms", name_, support::milliseconds_of([&] { check(virDomainCreate(domain_), "start"); }));
    const unsigned id = virDomainGetID(domain_);
    table.add("supervisor PSS", "KiB", name_, memory_of(id, "Pss"));
    table.add("supervisor private", "KiB", name_, memory_of(id, "Private_Dirty"));
    table.add("destroy", "ms", name_, support::milliseconds_of([&] { check(virDomainDestroy(domain_), "destroy"); }));
  }

  /// One round of the calls that management tools repeat all day, in microseconds.
  void calls(Table& table) {
    const auto time = [&](const char* row, const std::function<void()>& call) {
      table.add(row, "us", name_, support::milliseconds_of(call) * 1000);
    };
    virDomainInfo info;
    int state = 0, reason = 0;
    // The first call of a turn, whichever it is, finds the daemon asleep and the caches another's: it is not counted.
    check(virDomainIsActive(domain_), "is active");
    time("info", [&] { check(virDomainGetInfo(domain_, &info), "info"); });
    time("state", [&] { check(virDomainGetState(domain_, &state, &reason, 0), "state"); });
    time("xml", [&] {
      const std::unique_ptr<char, decltype(&free)> text(virDomainGetXMLDesc(domain_, 0), free);
      if (!text) give_up("xml");
    });
    time("lookup", [&] {
      const support::Domain found(virDomainLookupByName(connection_, definition_.name.c_str()));
      if (!found) give_up("lookup");
    });
    time("list", [&] {
      virDomainPtr* domains = nullptr;
      const int count = virConnectListAllDomains(connection_, &domains, 0);
      check(count, "list");
      for (int i = 0; i < count; ++i) virDomainFree(domains[i]);
      free(domains);
    });
  }

  void define_once(Table& table) {
    support::DomainXml one = definition_;
    one.name = support::own_name("define");
    support::Domain domain;
    table.add("define", "us", name_, support::milliseconds_of([&] { domain = define(one); }) * 1000);
    table.add("undefine", "us", name_,
              support::milliseconds_of([&] { check(virDomainUndefine(domain), "undefine"); }) * 1000);
  }

  /// Several clients define at once, each its own domain over and over: microseconds of wall time per definition.
  void define_together(Table& table) {
    constexpr int kClients = 8, kEach = 25;
    std::vector<std::thread> clients;
    std::atomic<int> failed = 0;
    const auto work = [&](int i) {
      const support::Connection connection(virConnectOpen(uri_.c_str()));
      support::DomainXml one = definition_;
      one.name = support::own_name("together" + std::to_string(i));
      support::Domain domain(virDomainDefineXML(connection, one.text().c_str()));
      char uuid[VIR_UUID_STRING_BUFLEN] = "";
      if (!domain || virDomainGetUUIDString(domain, uuid) < 0) failed++;
      one.uuid = uuid;
      for (int k = 1; k < kEach; ++k)
        if (!support::Domain(virDomainDefineXML(connection, one.text().c_str()))) failed++;
      virDomainUndefine(domain);
    };
    const double milliseconds = support::milliseconds_of([&] {
      for (int i = 0; i < kClients; ++i) clients.emplace_back(work, i);
      for (auto& client : clients) client.join();
    });
    if (failed) throw std::runtime_error("define by several clients failed");
    table.add("define, 8 clients", "us", name_, milliseconds * 1000 / (kClients * kEach));
  }

  void set_running(bool on) {
    check(on ? virDomainCreate(domain_) : virDomainDestroy(domain_), on ? "start" : "destroy");
  }

 private:
  support::Domain define(const support::DomainXml& definition) const {
    support::Domain domain(virDomainDefineXML(connection_, definition.text().c_str()));
    if (!domain) give_up("define of " + definition.name);
    return domain;
  }

  std::string name_, uri_;
  support::Connection connection_;
  support::DomainXml definition_;
  support::Domain domain_;
  std::vector<support::Domain> crowd_;
};

void measure(const Options& options) {
  const support::Rootfs root;
  const support::Bridge bridge;
  std::vector<std::string> names;
  std::vector<std::unique_ptr<Contestant>> contestants;
  for (const auto& pair : options.uris) {
    const auto at = pair.find('=');
    const bool named = at != std::string::npos && at < pair.find(':');
    names.push_back(named ? pair.substr(0, at) : "daemon" + std::to_string(names.size() + 1));
    contestants.push_back(std::make_unique<Contestant>(names.back(), named ? pair.substr(at + 1) : pair, root, bridge));
    contestants.back()->fill(options.idle_containers);
  }
  Table table(names);
  Table warm_up(names);
  for (const auto& contestant : contestants) contestant->cycle(warm_up);
  for (int i = 0; i < options.cycles; ++i) {
    for (const auto& contestant : contestants) contestant->cycle(table);
    if (isatty(STDERR_FILENO)) std::fprintf(stderr, "\rcycle %d of %d", i + 1, options.cycles);
  }
  if (isatty(STDERR_FILENO)) std::fprintf(stderr, "\r\x1b[K");
  for (const auto& contestant : contestants) contestant->set_running(true);
  for (int i = 0; i < options.calls; ++i) {
    for (const auto& contestant : contestants) contestant->calls(table);
  }
  for (const auto& contestant : contestants) contestant->set_running(false);
  for (int i = 0; i < options.cycles; ++i) {
    for (const auto& contestant : contestants) contestant->define_once(table);
  }
  for (int i = 0; i < 5; ++i) {
    for (const auto& contestant : contestants) contestant->define_together(table);
  }
  bench::save_json(table, options.json);
  std::printf("%d cycles, %d rounds of calls, %d idle containers beside\n%s", options.cycles, options.calls,
              options.idle_containers, table.text().c_str());
}

}  // namespace

int main(int count, char** words) {
  Options options;
  CLI::App application("Times start, destroy and everyday calls of libvirt container daemons");
  application.add_option("--uri", options.uris, "NAME=URI of a daemon; several are measured in turn and compared")
      ->required();
  application.add_option("--cycles", options.cycles, "start and destroy this often")->capture_default_str();
  application.add_option("--calls", options.calls, "rounds of info, XML, lookup and list")->capture_default_str();
  application.add_option("--json", options.json, "also write the table to this file");
  application.add_option("--idle", options.idle_containers, "containers that run beside")->capture_default_str();
  CLI11_PARSE(application, count, words);
  return bench::run_program("lifecycle_bench", [&] { measure(options); });
}
