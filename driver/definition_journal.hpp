// Changes of definitions, safe on disk before commit() returns: appended to a journal with one write and one flush,
// which callers that come together share. A thread of its own brings them to the files that people see, many at a time
// and soon; when all are there the journal is empty again. What a daemon that crashed left in it, the next one applies.
//
// A journal that cannot be used (no room for a change, little space left, an error) is never in the way: then a change
// goes to the files before commit() returns, at their price.
#pragma once

#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "driver/definition_files.hpp"
#include "driver/journal_file.hpp"

namespace driver {

class DefinitionJournal {
 public:
  using Pending = std::map<std::string, DefinitionChangePtr>;  // by the domain's name
  static constexpr std::size_t kBytes = 4u << 20;

  /// Applies what is left in the journal at `path`. Throws SystemError when it cannot be read.
  DefinitionJournal(DefinitionFiles& files, const std::string& path, std::size_t bytes = kBytes);
  /// Everything is in the files and the journal is empty, unless the disk refuses (logged).
  ~DefinitionJournal();
  DefinitionJournal(const DefinitionJournal&) = delete;
  DefinitionJournal& operator=(const DefinitionJournal&) = delete;

  /// On disk when it returns, all of them (of different names) or none. Throws SystemError; nothing has changed then,
  /// unless the journal was of no use and several had to go to the files. Any thread; callers do not commit two changes
  /// of one name at once.
  void commit(std::vector<DefinitionChange> changes);
  /// Brings every change committed so far to the files; one that fails is logged, stays pending and is tried again.
  void settle();
  /// Changes that are safe but not in the files yet, by name.
  Pending pending() const;

 private:
  struct Waiting {
    std::vector<DefinitionChangePtr> changes;
    bool done = false;
    std::exception_ptr error;
    std::condition_variable wake;  // its own: a batch wakes those it served and one more, not everybody
  };
  using Batch = std::vector<Waiting*>;
  class Turn;

  void give_turn_back();
  void replay();
  void write(const Batch& batch) noexcept;
  bool append(const Batch& batch);
  void follow_pending(Pending& later) const;
  void write_directly(const Waiting& waiting);
  bool passable(const Batch& batch) const;
  void empty_journal();
  void apply_pending();
  void run();

  DefinitionFiles& files_;
  const std::size_t bytes_;
  JournalFile journal_;     // belongs to who has the turn
  std::mutex files_mutex_;  // one batch of files at a time; never waits for the turn

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable turn_free_, work_, ended_;
  bool turn_taken_ = false;
  bool ending_ = false;
  Batch waiting_;
  Pending pending_;
  DefinitionFiles::Failures failures_;  // of the pending changes that were tried
  std::thread thread_;
};

}  // namespace driver
