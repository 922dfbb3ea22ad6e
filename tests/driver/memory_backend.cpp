#include "driver/memory_backend.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <functional>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "container/plan_container.hpp"
#include "domain-xml/cpu_pins.hpp"

namespace test {
namespace {

using container::ExitRecord;

class MemoryRunning;
std::mutex watchers_mutex;
std::map<Guest*, MemoryRunning*> watchers;

class MemoryRunning : public container::Running {
 public:
  MemoryRunning(base::EventLoop& loop, std::shared_ptr<MemoryBackend::World> world, std::shared_ptr<Guest> guest)
      : loop_(loop), world_(std::move(world)), guest_(std::move(guest)) {
    facts_.supervisor_pid = guest_->id;
    const std::scoped_lock lock(watchers_mutex);
    watchers[guest_.get()] = this;
  }
  ~MemoryRunning() override {
    const std::scoped_lock lock(watchers_mutex);
    if (const auto at = watchers.find(guest_.get()); at != watchers.end() && at->second == this) watchers.erase(at);
  }

  pid_t id() const override { return guest_->id; }
  const container::RunningFacts& facts() const override { return facts_; }
  void on_exit(std::function<void(ExitRecord)> call) override {
    call_ = std::move(call);
    if (guest_->exit) tell(*guest_->exit);
  }
  void tell(ExitRecord exit) {
    if (call_) loop_.post([call = call_, exit] { call(exit); });
  }
  void suspend() override { guest_->frozen = true; }
  void resume() override { guest_->frozen = false; }
  bool suspended() const override { return guest_->frozen; }
  void change_devices(const domain_xml::DomainDefinition&, const domain_xml::DomainDefinition& after) override {
    guest_->require_obedient();
    guest_->given = container::given_devices(after);
  }
  void change_filesystems(const domain_xml::DomainDefinition&, const domain_xml::DomainDefinition& after,
                          const std::function<void()>& prepared) override {
    prepared();
    guest_->require_obedient();
    guest_->filesystems = after.filesystems;
  }
  void kill() override { guest_->exit = ExitRecord{container::ExitCause::Exited, 9}; }
  void clean_up() noexcept override {
    const std::scoped_lock lock(world_->mutex);
    world_->guests.erase(guest_->id);
  }
  bool signal_init(int number) override {
    guest_->signals.push_back(number);
    return !guest_->exit;
  }
  bool request_runlevel(char runlevel) override {
    if (guest_->has_initctl) guest_->runlevels += runlevel;
    return guest_->has_initctl;
  }
  container::InitKind init_kind() const override { return guest_->init_kind; }
  base::Fd open_console(std::size_t) override {
    auto [ours, theirs] = base::socket_pair(SOCK_STREAM);
    base::write_all(ours.get(), "hello from memory\n", 18, "console");
    return std::move(theirs);
  }
  std::vector<base::Fd> open_namespaces() const override { return {}; }
  cgroup::Usage usage(cgroup::Ask, cgroup::Keep) const override {
    if (guest_->just_ended) base::fail(base::Code::OperationInvalid, "guest has ended");
    return guest_->usage;
  }
  void close_kept_files() const override { ++guest_->kept_files_closed; }
  void change_limits(const domain_xml::DomainDefinition&, const domain_xml::DomainDefinition& after) override {
    if (guest_->refuse_limits) base::fail(base::Code::SystemError, "cannot change limits: refused");
    guest_->limits = container::plan_limits(after, {.online_cpus = "0-7"});
    guest_->supervisor_cpus = domain_xml::emulator_pin(after.cpu_tune);
  }
  domain_xml::Interface attach_interface(const domain_xml::Interface& interface) override {
    guest_->require_obedient();
    return guest_->add(interface);
  }
  void detach_interface(const domain_xml::Interface& live) override {
    guest_->require_obedient();
    std::erase_if(guest_->interfaces, [&](const auto& one) { return one.target_dev == live.target_dev; });
  }
  void update_interface(const domain_xml::Interface& before, const domain_xml::Interface& after) override {
    guest_->require_obedient();
    std::replace(guest_->interfaces.begin(), guest_->interfaces.end(), before, after);
  }
  std::optional<container::Traffic> traffic_inside(const domain_xml::Interface&) const override {
    return guest_->traffic_inside;
  }
  std::vector<container::GuestLink> guest_links() const override { return guest_->links_inside; }
  std::string hostname() const override { return guest_->hostname; }
  container::GuestFiles guest_files() const override { return guest_->files; }
  std::vector<container::GuestMount> file_systems() const override { return guest_->file_systems; }
  std::vector<container::GuestMount> measured_file_systems() const override { return guest_->file_systems; }
  unsigned freeze_file_systems(const std::vector<std::string>&) override { return 0; }
  unsigned thaw_file_systems(const std::vector<std::string>&) override { return 0; }
  void trim_file_systems(const std::vector<std::string>&, std::uint64_t) override {}
  void set_password(const std::string& user, const std::string& hash) override { guest_->passwords[user] = hash; }
  cgroup::Limits limits() const override { return guest_->limits; }
  std::string supervisor_cpus() const override { return guest_->supervisor_cpus; }

 private:
  base::EventLoop& loop_;
  std::shared_ptr<MemoryBackend::World> world_;
  std::shared_ptr<Guest> guest_;
  container::RunningFacts facts_;
  std::function<void(ExitRecord)> call_;
};

}  // namespace

void Guest::require_obedient() const {
  if (refuse_links) base::fail(base::Code::SystemError, "cannot change a link: refused");
}

domain_xml::Interface Guest::add(domain_xml::Interface interface) {
  const std::string number = std::to_string(links_made++);
  if (!std::holds_alternative<domain_xml::InterfaceDirect>(interface.source) && interface.target_dev.empty())
    interface.target_dev = "vnet" + std::to_string(id) + "-" + number;
  interface.guest_dev_actual = interface.guest_dev.empty() ? "eth" + number : interface.guest_dev;
  interfaces.push_back(interface);
  return interface;
}

domain_xml::HostCapabilities MemoryBackend::capabilities() const {
  domain_xml::HostCapabilities capabilities;
  capabilities.arch = "x86_64";
  return capabilities;
}

driver::Backend::Started MemoryBackend::start(const domain_xml::DomainDefinition& definition,
                                              const container::StartSteps& steps, const std::vector<base::Fd>&) {
  auto guest = std::make_shared<Guest>();
  {
    const std::scoped_lock lock(world_->mutex);
    if (world_->refuse.contains(definition.name))
      base::fail(base::Code::InternalError, "guest failed to start: '", definition.name, "' is refused");
    guest->id = world_->next_id++;
    guest->name = definition.name;
    world_->guests[guest->id] = guest;
    ++world_->starts;
  }
  guest->limits = container::plan_limits(definition, {.online_cpus = "0-7"});
  domain_xml::DomainDefinition live = definition;
  if (live.partition.empty()) live.partition = "/machine";
  for (std::size_t i = 0; i < live.consoles.size(); ++i) live.consoles[i].alias = "console" + std::to_string(i);
  for (auto& interface : live.interfaces) interface = guest->add(interface);
  std::vector<std::string> host_ends;
  for (const auto& interface : live.interfaces) host_ends.push_back(interface.target_dev);
  steps.links_made(host_ends);
  steps.prepared({.supervisor_pid = guest->id, .host_links = host_ends}, live);
  auto running = std::make_unique<MemoryRunning>(loop_, world_, guest);
  return {std::move(running), std::move(live)};
}

std::unique_ptr<container::Running> MemoryBackend::adopt(const domain_xml::DomainDefinition& live,
                                                         const container::RunningFacts& facts) {
  const std::scoped_lock lock(world_->mutex);
  if (world_->refuse_to_adopt.contains(live.name)) base::fail(base::Code::SystemError, "cannot find it: refused");
  const auto at = world_->guests.find(facts.supervisor_pid);
  if (at == world_->guests.end()) return nullptr;
  return std::make_unique<MemoryRunning>(loop_, world_, at->second);
}

std::optional<container::LostState> MemoryBackend::find_lost(const domain_xml::DomainDefinition& definition) const {
  const std::scoped_lock lock(world_->mutex);
  for (const auto& [id, guest] : world_->guests)
    if (guest->name == definition.name) return container::LostState{{.supervisor_pid = id}, definition};
  return std::nullopt;
}

container::TrafficByLink MemoryBackend::traffic() const {
  const std::scoped_lock lock(world_->mutex);
  return world_->traffic;
}

std::optional<container::Traffic> MemoryBackend::traffic(const std::string& link) const {
  const auto all = traffic();
  const auto found = all.find(link);
  return found == all.end() ? std::nullopt : std::optional(found->second);
}

void end_guest(MemoryBackend::World& world, int id, ExitRecord exit) {
  std::shared_ptr<Guest> guest;
  {
    const std::scoped_lock lock(world.mutex);
    guest = world.guests.at(id);
    guest->exit = exit;
  }
  const std::scoped_lock lock(watchers_mutex);
  if (const auto at = watchers.find(guest.get()); at != watchers.end()) at->second->tell(exit);
}

}  // namespace test
