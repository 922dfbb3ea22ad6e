#include "soak/client.hpp"

#include <libvirt/virterror.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "support/domain_xml.hpp"

namespace soak {
namespace {

using Clock = std::chrono::steady_clock;

Answer answered(int result) {
  if (result >= 0) return {.value = result};
  const virError* error = virGetLastError();
  return {.error = error && error->code != 0 ? error->code : -1,
          .message = error && error->message ? error->message : ""};
}

Answer answered(virDomainPtr domain) {
  if (!domain) return answered(-1);
  virDomainFree(domain);
  return {};
}

Answer set_shares(virDomainPtr domain, long shares, unsigned flags) {
  virTypedParameter parameter = {.field = VIR_DOMAIN_SCHEDULER_CPU_SHARES, .type = VIR_TYPED_PARAM_ULLONG};
  parameter.value.ul = static_cast<unsigned long long>(shares);
  return answered(virDomainSetSchedulerParametersFlags(domain, &parameter, 1, flags));
}

Answer get_shares(virDomainPtr domain, unsigned flags) {
  virTypedParameter list[16] = {};
  int count = 16;
  Answer answer = answered(virDomainGetSchedulerParametersFlags(domain, list, &count, flags));
  if (answer.error != 0) return answer;
  unsigned long long shares = 0;
  virTypedParamsGetULLong(list, count, VIR_DOMAIN_SCHEDULER_CPU_SHARES, &shares);
  return {.value = static_cast<long>(shares)};
}

Answer listed(virDomainPtr domain) {
  virDomainStatsRecordPtr* all = nullptr;
  const int count = virConnectGetAllDomainStats(virDomainGetConnect(domain), VIR_DOMAIN_STATS_STATE, &all, 0);
  if (count < 0) return answered(count);
  Answer answer{.value = -1};
  for (int i = 0; i < count; ++i) {
    if (std::string(virDomainGetName(all[i]->dom)) != virDomainGetName(domain)) continue;
    int state = -2;
    virTypedParamsGetInt(all[i]->params, all[i]->nparams, "state.state", &state);
    answer.value = state;
  }
  virDomainStatsRecordListFree(all);
  return answer;
}

Answer dumped(const Target& target, virDomainPtr domain) {
  const std::string xml = support::take(virDomainGetXMLDesc(domain, 0));
  if (xml.empty()) return answered(-1);
  const auto shares = xml.find("<shares>");
  Answer answer{.value = shares == std::string::npos ? 0 : std::strtol(xml.c_str() + shares + 8, nullptr, 10)};
  for (long i = 0; i < kDevices; ++i) {
    const std::string mark = i != kInterface ? "'/soak" + std::to_string(i) + "'" : target.mac + "f";
    if (xml.find(mark) != std::string::npos) answer.second |= 1L << i;
  }
  return answer;
}

/// Whatever a monitoring tool asks all day.
Answer usage(virDomainPtr domain, long which) {
  switch (which % 3) {
    case 0: {
      virDomainMemoryStatStruct memory[VIR_DOMAIN_MEMORY_STAT_NR];
      return answered(virDomainMemoryStats(domain, memory, VIR_DOMAIN_MEMORY_STAT_NR, 0));
    }
    case 1: {
      virTypedParameter total[8] = {};
      return answered(virDomainGetCPUStats(domain, total, 4, -1, 1, 0));
    }
    default: {
      virDomainBlockStatsStruct blocks = {};
      Answer answer = answered(virDomainBlockStats(domain, "", &blocks, sizeof blocks));
      if (answer.message.find("has no figures") != std::string::npos) answer = {};  // a kernel that does not count
      return answer;
    }
  }
}

}  // namespace

std::string Target::xml(long shares) const {
  support::DomainXml xml;
  xml.name = name;
  xml.uuid = uuid;
  xml.root = root;
  xml.elements = "  <cputune><shares>" + std::to_string(shares) + "</shares></cputune>\n";
  if (!bridge.empty()) xml.devices = support::bridge_interface(bridge, mac + "0");
  return xml.text();
}

std::string Target::device_xml(long number) const {
  if (number == kInterface) return support::bridge_interface(bridge, mac + "f");
  return support::mount_filesystem(extra.at(static_cast<std::size_t>(number)), "/soak" + std::to_string(number));
}

Client::Client(unsigned number, unsigned long seed, std::string uri, const std::vector<Target>& targets)
    : number_(number),
      random_(seed * 1000003 + number),
      targets_(targets),
      connection_(virConnectOpen(uri.c_str())),
      calls_(targets.size()) {
  if (!connection_) throw std::runtime_error("cannot open " + uri);
  for (const auto& target : targets) {
    // A handle that the daemon has not given: name and uuid are all that matters, whether the domain is there or not.
    handles_.emplace_back(virDomainLookupByName(connection_, target.name.c_str()));
    if (!handles_.back()) throw std::runtime_error("cannot find " + target.name);
  }
}

Operation Client::choose(const Target& target) {
  struct Share {
    Kind kind;
    unsigned weight;
  };
  // What changes the phase is as likely as what needs one, so that every operation meets every state.
  static constexpr Share shares[] = {{Kind::Define, 3},        {Kind::Undefine, 1},
                                     {Kind::Create, 12},       {Kind::CreatePaused, 2},
                                     {Kind::CreateXml, 3},     {Kind::Destroy, 6},
                                     {Kind::Suspend, 6},       {Kind::Resume, 7},
                                     {Kind::Shutdown, 3},      {Kind::Crash, 1},
                                     {Kind::SetLiveShares, 6}, {Kind::SetConfigShares, 4},
                                     {Kind::GetLiveShares, 6}, {Kind::GetConfigShares, 4},
                                     {Kind::Attach, 8},        {Kind::Detach, 6},
                                     {Kind::State, 12},        {Kind::Info, 8},
                                     {Kind::Listed, 3},        {Kind::Dump, 8},
                                     {Kind::Usage, 8}};
  unsigned total = 0;
  for (const auto& share : shares) total += share.weight;
  auto at = static_cast<unsigned>(random_() % total);
  Operation operation;
  for (const auto& share : shares) {
    if (at < share.weight) {
      operation.kind = share.kind;
      break;
    }
    at -= share.weight;
  }
  if (operation.kind == Kind::CreatePaused && target.shared) operation.kind = Kind::Create;
  const bool device = operation.kind == Kind::Attach || operation.kind == Kind::Detach;
  const auto devices = static_cast<unsigned long>(target.bridge.empty() ? kDevices - 1 : kDevices);
  operation.value = device ? static_cast<long>(random_() % devices) : 100 + static_cast<long>(random_() % 5) * 100;
  return operation;
}

Answer Client::execute(const Target& target, virDomainPtr domain, const Operation& operation) const {
  const std::string device = operation.kind == Kind::Attach || operation.kind == Kind::Detach
                                 ? target.device_xml(operation.value)
                                 : std::string();
  switch (operation.kind) {
    case Kind::Define:
      return answered(virDomainDefineXML(connection_, target.xml(operation.value).c_str()));
    case Kind::Undefine:
      return answered(virDomainUndefine(domain));
    case Kind::Create:
      return answered(virDomainCreate(domain));
    case Kind::CreatePaused:
      return answered(virDomainCreateWithFlags(domain, VIR_DOMAIN_START_PAUSED));
    case Kind::CreateXml:
      return answered(virDomainCreateXML(connection_, target.xml(operation.value).c_str(), 0));
    case Kind::Destroy:
      return answered(virDomainDestroy(domain));
    case Kind::Suspend:
      return answered(virDomainSuspend(domain));
    case Kind::Resume:
      return answered(virDomainResume(domain));
    case Kind::Shutdown:
      return answered(virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_SIGNAL));
    case Kind::Crash:
      return answered(virDomainSendProcessSignal(domain, 1, VIR_DOMAIN_PROCESS_SIGNAL_KILL, 0));
    case Kind::SetLiveShares:
      return set_shares(domain, operation.value, VIR_DOMAIN_AFFECT_LIVE);
    case Kind::SetConfigShares:
      return set_shares(domain, operation.value, VIR_DOMAIN_AFFECT_CONFIG);
    case Kind::GetLiveShares:
      return get_shares(domain, VIR_DOMAIN_AFFECT_LIVE);
    case Kind::GetConfigShares:
      return get_shares(domain, VIR_DOMAIN_AFFECT_CONFIG);
    case Kind::Attach:
      return answered(virDomainAttachDeviceFlags(domain, device.c_str(), VIR_DOMAIN_AFFECT_LIVE));
    case Kind::Detach:
      return answered(virDomainDetachDeviceFlags(domain, device.c_str(), VIR_DOMAIN_AFFECT_LIVE));
    case Kind::State: {
      int state = -1, reason = -1;
      const Answer answer = answered(virDomainGetState(domain, &state, &reason, 0));
      return answer.error ? answer : Answer{.value = state, .second = reason};
    }
    case Kind::Info: {
      virDomainInfo info = {};
      const Answer answer = answered(virDomainGetInfo(domain, &info));
      return answer.error ? answer : Answer{.value = info.state};
    }
    case Kind::Listed:
      return listed(domain);
    case Kind::Dump:
      return dumped(target, domain);
    case Kind::Usage:
      return usage(domain, operation.value / 100);
  }
  return {};
}

Answer Client::call(std::size_t index, const Operation& operation) {
  Call call{.client = number_, .operation = operation, .begin = Clock::now()};
  kind_ = static_cast<int>(operation.kind);
  since_ = call.begin.time_since_epoch().count();
  call.answer = execute(targets_[index], handles_[index], operation);
  since_ = 0;
  call.end = Clock::now();
  Timing& timing = timings_.at(static_cast<std::size_t>(operation.kind));
  const double took = std::chrono::duration<double, std::milli>(call.end - call.begin).count();
  ++timing.calls;
  timing.failed += call.answer.error != 0;
  timing.total_ms += took;
  timing.worst_ms = std::max(timing.worst_ms, took);
  calls_[index].push_back(call);
  return call.answer;
}

/// Its own domain is the one with its number; the shared ones come after everybody's.
void Client::work(Clock::time_point end) {
  std::vector<std::size_t> shared;
  for (std::size_t i = 0; i < targets_.size(); ++i)
    if (targets_[i].shared) shared.push_back(i);
  while (Clock::now() < end) {
    const bool own = shared.empty() || random_() % 5 < 3;
    const std::size_t index = own ? number_ : shared[random_() % shared.size()];
    call(index, choose(targets_[index]));
  }
}

std::vector<Call> Client::take(std::size_t index) {
  return std::exchange(calls_[index], {});
}

std::string Client::under_way(std::chrono::milliseconds longer_than) const {
  const std::int64_t since = since_;
  if (since == 0) return {};
  const auto age = Clock::now() - Clock::time_point(Clock::duration(since));
  if (age < longer_than) return {};
  return "client " + std::to_string(number_) + ": " + name_of(static_cast<Kind>(kind_.load())) + " for " +
         std::to_string(std::chrono::duration_cast<std::chrono::seconds>(age).count()) + " s";
}

}  // namespace soak
