#include "soak/oracle.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace soak {
namespace {

constexpr std::size_t kRecent = 24, kClients = 64;

std::string text_of(const Told& event) {
  return std::to_string(event.type) + "/" + std::to_string(event.detail);
}

std::string text_of(const Call& call) {
  std::string text = "client " + std::to_string(call.client) + ": " + name_of(call.operation.kind) + " " +
                     std::to_string(call.operation.value) + " -> ";
  if (call.answer.error != 0)
    return text + "error " + std::to_string(call.answer.error) + " (" + call.answer.message + ")";
  return text + std::to_string(call.answer.value) + "," + std::to_string(call.answer.second);
}

/// In no state.
bool changes_nothing(const Call& call) {
  switch (call.operation.kind) {
    case Kind::GetLiveShares:
    case Kind::GetConfigShares:
    case Kind::State:
    case Kind::Info:
    case Kind::Listed:
    case Kind::Dump:
    case Kind::Usage:
      return true;
    default:
      return call.answer.error != 0 && !started_and_gone(call.operation, call.answer);
  }
}

}  // namespace

bool Oracle::follow(Path& path, const Step& step) const {
  path.state = step.after;
  for (const auto& event : step.events) {
    if (path.explained == events_.size()) {
      path.owed.push_back(event);  // state is visible a moment before the event is
    } else {
      if (!path.owed.empty() || events_[path.explained] != event) return false;
      ++path.explained;
    }
  }
  return true;
}

void Oracle::hear(const std::vector<Told>& events) {
  // What every path has explained is forgotten.
  std::size_t least = events_.size();
  for (const auto& path : paths_) least = std::min(least, path.explained);
  events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(least));
  events_.insert(events_.end(), events.begin(), events.end());
  for (Path path : std::exchange(paths_, {})) {
    path.explained -= least;
    bool right = true;
    while (right && !path.owed.empty() && path.explained < events_.size()) {
      right = events_[path.explained++] == path.owed.front();
      path.owed.erase(path.owed.begin());
    }
    if (right) paths_.insert(std::move(path));
  }
}

/// Every way on in which `client`'s call takes effect before it returns, others' only as far as that needs them to.
void Oracle::explain_return(const std::vector<const Call*>& pending, unsigned client) {
  const bool going = std::ranges::any_of(pending, [](const Call* call) {
    return call && call->operation.kind == Kind::Destroy && call->answer.error == 0;
  });
  // What changes nothing is best done as soon as it fits: that leaves every way open, and is one path instead of two
  // for each such call.
  const auto settle = [&](Path path) {
    for (const Call* call : pending) {
      if (!call || path.done >> call->client & 1) continue;
      const auto step = apply(path.state, call->operation, call->answer, going);
      if (step && changes_nothing(*call)) path.done |= std::uint64_t{1} << call->client;
    }
    return path;
  };
  std::set<Path> arrived, seen;
  std::vector<Path> open;
  const auto reach = [&](Path path) {
    const auto [at, fresh] = seen.insert(settle(std::move(path)));
    if (fresh) open.push_back(*at);
  };
  for (const auto& path : paths_) reach(path);
  while (!open.empty()) {
    const Path path = std::move(open.back());
    open.pop_back();
    if (path.done >> client & 1) {
      Path next = path;
      next.done &= ~(std::uint64_t{1} << client);
      arrived.insert(std::move(next));
      continue;
    }
    if (const auto step = end_by_itself(path.state)) {
      Path next = path;
      if (follow(next, *step)) reach(std::move(next));
    }
    for (const Call* call : pending) {
      if (!call || path.done >> call->client & 1) continue;
      const auto step = apply(path.state, call->operation, call->answer, going);
      Path next = path;
      next.done |= std::uint64_t{1} << call->client;
      if (step && follow(next, *step)) reach(std::move(next));
    }
  }
  width_ = std::max(width_, seen.size());
  paths_ = std::move(arrived);
}

std::string Oracle::complaint(const std::set<Path>& before, const std::vector<const Call*>& pending,
                              const Call& call) const {
  std::string text =
      "domain " + domain_ + ": no order of the calls explains " + text_of(call) + "\n  it may have been:\n";
  for (const auto& path : before) {
    text += "    " + describe(path.state) + "; events to explain:";
    for (std::size_t i = path.explained; i < std::min(events_.size(), path.explained + 5); ++i)
      text += " " + text_of(events_[i]);
    for (const auto& event : path.owed) text += " (owed " + text_of(event) + ")";
    text += "\n";
  }
  text += "  under way:\n";
  for (const Call* other : pending)
    if (other) text += "    " + text_of(*other) + "\n";
  text += "  before it:\n";
  for (const auto& line : recent_) text += "    " + line + "\n";
  return text;
}

std::string Oracle::judge(std::vector<Call> calls, const std::vector<Told>& events) {
  hear(events);
  if (paths_.empty()) return "domain " + domain_ + ": an event came that nothing explains";
  struct Moment {
    std::chrono::steady_clock::time_point when;
    bool returned;
    const Call* call;
  };
  std::vector<Moment> moments;
  for (const auto& call : calls) {
    moments.push_back({call.begin, false, &call});
    moments.push_back({call.end, true, &call});
  }
  std::ranges::stable_sort(moments, [](const Moment& a, const Moment& b) {
    return std::pair(a.when, a.returned) < std::pair(b.when, b.returned);
  });
  std::vector<const Call*> pending(kClients);
  for (const auto& moment : moments) {
    const unsigned client = moment.call->client;
    recent_.push_back((moment.returned ? "end   " : "begin ") + text_of(*moment.call));
    if (recent_.size() > kRecent) recent_.pop_front();
    if (!moment.returned) {
      pending.at(client) = moment.call;
      continue;
    }
    const auto before = paths_;
    explain_return(pending, client);
    if (paths_.empty()) return complaint(before, pending, *moment.call);
    pending.at(client) = nullptr;
  }
  return {};
}

std::string Oracle::conclude(const std::vector<Told>& events) {
  hear(events);
  for (Path path : paths_) {
    if (const auto step = end_by_itself(path.state); step && path.explained < events_.size()) follow(path, *step);
    if (path.owed.empty() && path.explained == events_.size()) return {};
  }
  std::string text = "domain " + domain_ + ": events are missing or too many; not explained:";
  if (!paths_.empty())
    for (std::size_t i = paths_.begin()->explained; i < events_.size(); ++i) text += " " + text_of(events_[i]);
  if (!paths_.empty())
    for (const auto& event : paths_.begin()->owed) text += " (owed " + text_of(event) + ")";
  return text;
}

}  // namespace soak
