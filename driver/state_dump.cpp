#include "driver/state_dump.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <mutex>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/version.hpp"

namespace driver {
namespace {

constexpr std::chrono::seconds kPatience{1};  // with what may be stuck

double seconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

std::string job_text(const base::Doing& doing) {
  std::string text = doing.call[0] == '\0' ? "work of the daemon's own" : doing.call;
  if (doing.client != 0) text += fmt::format(" of client {}", doing.client);
  return text;
}

const char* state_name(int state) {
  switch (state) {
    case VIR_DOMAIN_RUNNING:
      return "running";
    case VIR_DOMAIN_PAUSED:
      return "paused";
    default:
      return "shut off";
  }
}

/// "1 234 kB": the value of a line of /proc/self/status.
std::string own_status(const std::string& text, std::string_view key) {
  const auto at = text.find("\n" + std::string(key) + ":");
  if (at == std::string::npos) return "?";
  const auto begin = text.find_first_not_of(" \t", at + key.size() + 2);
  return text.substr(begin, text.find('\n', begin) - begin);
}

std::string sizes() {
  const std::string status = base::read_file("/proc/self/status");
  const auto descriptors = std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  rlimit most{};
  ::getrlimit(RLIMIT_NOFILE, &most);
  return fmt::format("memory {}, at most {}; {} threads; {} of {} descriptors\n", own_status(status, "VmRSS"),
                     own_status(status, "VmHWM"), own_status(status, "Threads"), descriptors, most.rlim_cur);
}

std::string threads_text() {
  auto all = base::activities();
  std::ranges::sort(all, {}, &base::Doing::since);
  std::string text = fmt::format("threads at work: {}\n", all.size());
  const auto now = std::chrono::steady_clock::now();
  for (const auto& one : all) {
    std::string waits_in;
    try {
      waits_in = base::read_file("/proc/self/task/" + std::to_string(one.thread) + "/wchan");
    } catch (const base::Error&) {  // it has just ended, or the kernel does not tell
    }
    text += format_thread(one, now, waits_in == "0" ? "" : waits_in);
  }
  return text;
}

}  // namespace

std::string format_server(const ServerFacts& server, std::int64_t now) {
  const auto& workers = server.workers;
  std::string text = fmt::format(
      "server {}: {} of {} clients; {} workers of {} to {}, {} of them idle, {} for short calls; {} calls wait for "
      "one\n",
      server.name, server.clients.size(), server.max_clients, workers.running, workers.limits.min, workers.limits.max,
      workers.idle, workers.limits.priority, workers.waiting);
  for (const auto& client : server.clients)
    text += fmt::format(
        "  client {}: pid {}, uid {}, {}, for {} s; {} calls, {} streams, {} bytes it has not read, {} not looked at\n",
        client.id, client.peer.pid, client.peer.uid, client.read_only ? "read-only" : "read-write", now - client.since,
        client.calls, client.streams, client.unsent_bytes, client.unread_bytes);
  return text;
}

std::string format_thread(const base::Doing& doing, std::chrono::steady_clock::time_point now,
                          const std::string& waits_in) {
  std::string text = fmt::format("  thread {}: {}", doing.thread, job_text(doing));
  if (!doing.domain.empty()) text += fmt::format(", domain '{}'", doing.domain);
  text += fmt::format(", for {:.3f} s", seconds(now - doing.since));
  if (!waits_in.empty()) text += ", waits in " + waits_in;
  return text + "\n";
}

std::string format_domain(const Domain::Glimpse& domain) {
  std::string text =
      fmt::format("  domain '{}', {}: {}, reason {}{}{}", domain.identity.name, base::format_uuid(domain.identity.uuid),
                  state_name(domain.status.state), domain.status.reason, domain.persistent ? "" : ", transient",
                  domain.autostart ? ", autostart" : "");
  if (domain.identity.id > 0) text += fmt::format(", supervisor {}", domain.identity.id);
  if (domain.job)
    text += fmt::format("; job {} on thread {} for {:.3f} s", job_text(*domain.job), domain.job->thread,
                        static_cast<double>(domain.job_age.value_or(std::chrono::milliseconds()).count()) / 1000);
  return text + "\n";
}

StateDump::StateDump(std::string path, const DomainRegistry& registry, base::EventLoop& loop,
                     const AdminServers& servers)
    : path_(std::move(path)), registry_(registry), loop_(loop), servers_(servers) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // The loop's signals are not this thread's.
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    signals_ = base::Fd(::signalfd(-1, &set, SFD_CLOEXEC));
    if (signals_) end_ = base::Fd(::eventfd(0, EFD_CLOEXEC));
    if (!end_) base::fail_errno(base::Code::SystemError, "cannot wait for it");
    thread_ = std::thread([this] { run(); });
    ::pthread_setname_np(thread_.native_handle(), "state-dump");
  } catch (const std::exception& error) {
    base::log::warning("nobody will answer SIGUSR1: {}", error.what());
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

StateDump::~StateDump() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = ::write(end_.get(), &one, sizeof one);
  if (thread_.joinable()) thread_.join();
}

void StateDump::run() {
  while (true) {
    pollfd ready[] = {{signals_.get(), POLLIN, 0}, {end_.get(), POLLIN, 0}};
    if (::poll(ready, 2, -1) < 0 && errno != EINTR) return;
    if (ready[1].revents != 0) return;
    signalfd_siginfo who{};
    if (ready[0].revents == 0 || ::read(signals_.get(), &who, sizeof who) != sizeof who) continue;
    try {
      write();
      base::log::warning("pid {} asked for the state: '{}'", who.ssi_pid, path_);
    } catch (const std::exception& error) {
      base::log::error("cannot write the state to '{}': {}", path_, error.what());
    }
  }
}

void StateDump::write() const {
  base::replace_file(path_, text(), 0600);
}

std::string StateDump::text() const {
  // The loop thread and the domains last: these are who may be waited for.
  const std::string head = fmt::format("virtlxcelld {}, pid {}, {:%Y-%m-%d %H:%M:%S%z}\n", base::version(), ::getpid(),
                                       fmt::localtime(std::time(nullptr)));
  return head + sizes() + threads_text() + servers_text() + domains_text();
}

std::string StateDump::servers_text() const {
  struct Answer {
    std::mutex mutex;
    std::condition_variable came;
    std::optional<std::vector<ServerFacts>> servers;
  };
  const auto answer = std::make_shared<Answer>();
  loop_.post([answer, &servers = servers_] {
    std::vector<ServerFacts> found;
    for (const auto& [name, server] : servers)
      found.push_back({name, server->workers(), server->limits().max_clients, server->clients()});
    const std::scoped_lock lock(answer->mutex);
    answer->servers = std::move(found);
    answer->came.notify_one();
  });
  std::unique_lock lock(answer->mutex);
  if (!answer->came.wait_for(lock, kPatience, [&] { return answer->servers.has_value(); }))
    return fmt::format("servers: the loop thread, {}, has not answered for {} s\n", ::getpid(), kPatience.count());
  std::string text;
  for (const auto& server : *answer->servers) text += format_server(server, std::time(nullptr));
  return text;
}

std::string StateDump::domains_text() const {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  const auto wait = [&] {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return true;
  };
  auto all = registry_.try_all();
  while (!all && wait()) all = registry_.try_all();
  if (!all) return fmt::format("domains: their list has been held for {} s\n", kPatience.count());
  std::ranges::sort(*all, {}, [](const auto& domain) -> const std::string& { return domain->name(); });
  std::string text = fmt::format("domains: {}\n", all->size());
  for (const auto& domain : *all) {
    auto now = domain->glimpse();
    while (!now && wait()) now = domain->glimpse();
    text +=
        now ? format_domain(*now)
            : fmt::format("  domain '{}', {}: held by a thread\n", domain->name(), base::format_uuid(domain->uuid()));
  }
  return text;
}

}  // namespace driver
