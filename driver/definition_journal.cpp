#include "driver/definition_journal.hpp"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/memory_reserve.hpp"
#include "base/second_try.hpp"

namespace driver {
namespace {

// Between two batches of files: leaves the disk to those who wait for it, and is soon for everybody else.
constexpr std::chrono::milliseconds kPause{50};
constexpr std::chrono::milliseconds kRetry{1000};

// A change in the journal: one byte of these, then name and text, each after its length (4, host order).
enum Flag : unsigned char { kHasText = 1, kRemoved = 2, kHasAutostart = 4, kAutostart = 8 };

void put_text(std::string& payload, const std::string& text) {
  const auto length = static_cast<std::uint32_t>(text.size());
  payload.append(reinterpret_cast<const char*>(&length), sizeof length);
  payload += text;
}

void encode(std::string& payload, const DefinitionChange& change) {
  unsigned flags = 0;
  if (change.text) flags |= kHasText;
  if (change.removed) flags |= kRemoved;
  if (change.autostart) flags |= kHasAutostart;
  if (change.autostart.value_or(false)) flags |= kAutostart;
  payload += static_cast<char>(flags);
  put_text(payload, change.name);
  put_text(payload, change.text.value_or(""));
}

std::optional<std::string> take_text(std::string_view& payload) {
  std::uint32_t length = 0;
  if (payload.size() < sizeof length) return std::nullopt;
  std::memcpy(&length, payload.data(), sizeof length);
  payload.remove_prefix(sizeof length);
  if (payload.size() < length) return std::nullopt;
  std::string text(payload.substr(0, length));
  payload.remove_prefix(length);
  return text;
}

std::optional<DefinitionChange> decode(std::string_view& payload) {
  const auto flags = static_cast<unsigned char>(payload.front());
  payload.remove_prefix(1);
  auto name = take_text(payload), text = take_text(payload);
  if (!name || !text || name->empty() || name->find('/') != name->npos) return std::nullopt;
  DefinitionChange change{std::move(*name)};
  if (flags & kHasText) change.text = std::move(*text);
  change.removed = flags & kRemoved;
  if (flags & kHasAutostart) change.autostart = (flags & kAutostart) != 0;
  return change;
}

using Pending = DefinitionJournal::Pending;

void add(Pending& pending, const DefinitionChangePtr& change) {
  auto& place = pending[change->name];
  place = place ? std::make_shared<const DefinitionChange>(place->followed_by(*change)) : change;
}

/// Needs no memory.
void replace(Pending& pending, Pending later) noexcept {
  while (!later.empty()) {
    auto node = later.extract(later.begin());
    if (const auto at = pending.find(node.key()); at != pending.end())
      at->second = std::move(node.mapped());
    else
      pending.insert(std::move(node));
  }
}

}  // namespace

/// The right to use the journal file. Who has it waits for the disk only.
class DefinitionJournal::Turn {
 public:
  explicit Turn(DefinitionJournal& journal) : journal_(journal) {
    std::unique_lock lock(journal_.mutex_);
    journal_.turn_free_.wait(lock, [this] { return !journal_.turn_taken_; });
    journal_.turn_taken_ = true;
  }
  ~Turn() {
    const std::scoped_lock lock(journal_.mutex_);
    journal_.give_turn_back();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  DefinitionJournal& journal_;
};

DefinitionJournal::DefinitionJournal(DefinitionFiles& files, const std::string& path, std::size_t bytes)
    : files_(files), bytes_(bytes), journal_(path) {
  replay();
  try {
    empty_journal();
    journal_.reset(bytes_);
  } catch (const std::exception& error) {
    base::log::warning("definitions are written without a journal: {}", error.what());
  }
  // Signals belong to the loop thread.
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = base::with_second_try([this] { return std::thread([this] { run(); }); });
  ::pthread_setname_np(thread_.native_handle(), "definitions");
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

DefinitionJournal::~DefinitionJournal() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  work_.notify_one();
  ended_.notify_one();
  thread_.join();
  settle();
}

void DefinitionJournal::replay() {
  std::size_t count = 0;
  for (const auto& payload : journal_.read()) {
    for (std::string_view left = payload; !left.empty(); ++count) {
      auto change = decode(left);
      if (!change)
        return base::log::error("definition journal has a change that is not understood: ignored from there");
      add(pending_, std::make_shared<const DefinitionChange>(std::move(*change)));
    }
  }
  if (count > 0) base::log::info("{} changes of definitions found in the journal", count);
}

void DefinitionJournal::commit(std::vector<DefinitionChange> changes) {
  Waiting own;
  for (auto& change : changes) {
    files_.require_possible(change.name);
    own.changes.push_back(std::make_shared<const DefinitionChange>(std::move(change)));
  }
  std::unique_lock lock(mutex_);
  waiting_.push_back(&own);
  while (!own.done) {
    if (turn_taken_) {
      own.wake.wait(lock);
      continue;
    }
    turn_taken_ = true;
    const Batch batch = std::exchange(waiting_, {});
    lock.unlock();
    write(batch);
    lock.lock();
    for (auto* each : batch) {
      each->done = true;
      each->wake.notify_one();  // with the lock, without which it would be gone
    }
    give_turn_back();
  }
  if (own.error) std::rethrow_exception(own.error);
}

/// With the lock. Who waits next takes the turn, unless somebody comes first, who then serves it.
void DefinitionJournal::give_turn_back() {
  turn_taken_ = false;
  if (!waiting_.empty()) waiting_.front()->wake.notify_one();
  turn_free_.notify_one();
}

/// With the turn: all through the journal at once, or else each in the way that is left.
void DefinitionJournal::write(const Batch& batch) noexcept {
  try {
    if (append(batch)) return;
  } catch (const std::exception&) {  // each learns why for itself
  }
  for (auto* each : batch) {
    try {
      if (append({each})) continue;
      empty_journal();
      if (!append({each})) write_directly(*each);
    } catch (...) {
      each->error = std::current_exception();
    }
  }
}

/// False when the journal does not take them; then nothing has changed.
bool DefinitionJournal::append(const Batch& batch) {
  if (!passable(batch)) return false;
  std::string payload;
  Pending pending;  // all memory before the disk: what is in the journal has to be known here too
  for (const auto* each : batch)
    for (const auto& change : each->changes) {
      encode(payload, *change);
      add(pending, change);
    }
  follow_pending(pending);
  try {
    if (!journal_.append(payload)) return false;
  } catch (const std::exception& error) {
    base::log::error("definition journal fails: {}", error.what());
    return false;
  }
  {
    const std::scoped_lock lock(mutex_);
    replace(pending_, std::move(pending));
  }
  work_.notify_one();
  return true;
}

/// With the turn, so that none comes between: makes each of `later` what it is after the pending change of its name.
void DefinitionJournal::follow_pending(Pending& later) const {
  const std::scoped_lock lock(mutex_);
  for (auto& [name, change] : later)
    if (const auto at = pending_.find(name); at != pending_.end())
      change = std::make_shared<const DefinitionChange>(at->second->followed_by(*change));
}

/// What the files would refuse later is better refused now.
bool DefinitionJournal::passable(const Batch& batch) const {
  if (files_.short_of_space(4 * bytes_, bytes_ / JournalFile::kBlock)) return false;
  const std::scoped_lock lock(mutex_);
  return std::ranges::none_of(batch, [this](const Waiting* each) {
    return std::ranges::any_of(each->changes, [this](const auto& change) { return failures_.contains(change->name); });
  });
}

/// With the turn, after empty_journal(): what the journal holds would otherwise win over the files one day.
void DefinitionJournal::write_directly(const Waiting& waiting) {
  const std::scoped_lock files(files_mutex_);
  const auto failures = files_.apply(waiting.changes);
  if (!failures.empty()) std::rethrow_exception(failures.begin()->second);
}

/// With the turn. Throws the first reason why something is not in the files, or SystemError of the journal itself.
void DefinitionJournal::empty_journal() {
  apply_pending();
  {
    const std::scoped_lock lock(mutex_);
    if (!failures_.empty()) std::rethrow_exception(failures_.begin()->second);
  }
  if (journal_.holds_any()) journal_.reset(bytes_);
}

void DefinitionJournal::apply_pending() {
  const std::scoped_lock files(files_mutex_);
  std::vector<DefinitionChangePtr> batch;
  for (const auto& [name, change] : pending()) batch.push_back(change);
  auto failures = files_.apply(batch);
  const std::scoped_lock lock(mutex_);
  for (const auto& change : batch) {
    const auto at = pending_.find(change->name);
    if (!failures.contains(change->name) && at->second == change) pending_.erase(at);
  }
  for (const auto& [name, error] : failures) {
    if (failures_.contains(name)) continue;
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& problem) {
      base::log::error("definition of domain '{}' is in the journal only: {}", name, problem.what());
    }
  }
  failures_ = std::move(failures);
}

void DefinitionJournal::settle() {
  try {
    const Turn turn(*this);
    empty_journal();
  } catch (const std::exception& error) {
    base::log::error("definition journal cannot be emptied: {}", error.what());
  }
}

DefinitionJournal::Pending DefinitionJournal::pending() const {
  const std::scoped_lock lock(mutex_);
  return pending_;
}

void DefinitionJournal::run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (pending_.empty()) {
      work_.wait(lock);
      continue;
    }
    lock.unlock();
    try {
      apply_pending();
    } catch (const std::exception& error) {
      base::insist([&] { base::log::error("definitions cannot be written: {}", error.what()); });
    }
    lock.lock();
    if (pending_.empty()) {
      lock.unlock();
      settle();
      lock.lock();
    }
    ended_.wait_for(lock, failures_.empty() ? kPause : kRetry, [this] { return ending_; });
  }
}

}  // namespace driver
