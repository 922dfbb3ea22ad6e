#include "driver/definition_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <filesystem>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/second_try.hpp"

namespace driver {
namespace {

constexpr std::size_t kOpenAtOnce = 100;
constexpr char kSuffix[] = ".xml";
constexpr char kUnfinished[] = ".xml.new";

/// Does `step` unless something of this change failed before, and keeps what it throws.
template <typename Step>
void attempt(DefinitionFiles::Failures& failures, const DefinitionChange& change, Step step) {
  if (failures.contains(change.name)) return;
  try {
    step();
  } catch (...) {
    failures[change.name] = std::current_exception();
  }
}

/// A file that is written and not yet under its name; removed again unless put there.
class NewFile {
 public:
  NewFile(DefinitionChangePtr change, std::string path) : change_(std::move(change)), path_(std::move(path)) {
    temporary_ = path_ + ".new";
    fd_ = base::open_file(temporary_, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
  }
  NewFile(NewFile&& other) noexcept = default;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile() {
    if (fd_) ::unlink(temporary_.c_str());
  }

  const DefinitionChange& change() const { return *change_; }
  void write() {
    base::write_all(fd_.get(), change_->text->data(), change_->text->size(), temporary_);
    // Only a hint: the disk gets all files of a batch before the wait for the first.
    ::sync_file_range(fd_.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  }
  void sync() {
    if (::fsync(fd_.get()) < 0) base::fail_errno(base::Code::SystemError, "cannot sync '", temporary_, "'");
  }
  void put_in_place() {
    if (::rename(temporary_.c_str(), path_.c_str()) < 0)
      base::fail_errno(base::Code::SystemError, "cannot replace '", path_, "'");
    fd_.reset();
  }

 private:
  DefinitionChangePtr change_;
  std::string path_, temporary_;
  base::Fd fd_;
};

}  // namespace

DefinitionChange DefinitionChange::followed_by(DefinitionChange later) const {
  if (!later.text && !later.removed) {
    later.text = text;
    later.removed = removed;
  }
  if (!later.autostart) later.autostart = autostart;
  return later;
}

DefinitionFiles::DefinitionFiles(const Paths& paths) : definitions_(paths.definitions), autostart_(paths.autostart) {
  make_directories(definitions_, 0700);
  make_directories(autostart_, 0700);
  // Cut short by the end of an earlier daemon; the files they were to replace are whole.
  try {
    for (const auto& entry : list_directory(definitions_))
      if (std::error_code error; entry.path().native().ends_with(kUnfinished) && entry.is_regular_file(error))
        base::remove_leftover(entry.path());
  } catch (const base::Error& error) {
    base::log::warning("cannot look for definitions that were cut short: {}", error.message());
  }
}

std::string DefinitionFiles::definition_path(const std::string& name) const {
  return definitions_ + "/" + name + kSuffix;
}
std::string DefinitionFiles::autostart_path(const std::string& name) const {
  return autostart_ + "/" + name + kSuffix;
}

DefinitionFiles::Failures DefinitionFiles::apply(const std::vector<DefinitionChangePtr>& changes) {
  Failures failures;
  const std::span all(changes);
  for (std::size_t at = 0; at < all.size(); at += kOpenAtOnce)
    write_texts(all.subspan(at, std::min(kOpenAtOnce, all.size() - at)), failures);
  bool links = false;
  for (const auto& change : changes) {
    attempt(failures, *change, [&] {
      if (change->removed) base::remove_file(definition_path(change->name));
      if (!change->autostart) return;
      links = true;
      set_link(change->name, *change->autostart);
    });
  }
  try {
    if (!changes.empty()) base::sync_directory(definitions_);
    if (links) base::sync_directory(autostart_);
  } catch (...) {
    for (const auto& change : changes) failures.emplace(change->name, std::current_exception());
  }
  return failures;
}

void DefinitionFiles::write_texts(std::span<const DefinitionChangePtr> changes, Failures& failures) const {
  std::vector<NewFile> files;
  files.reserve(changes.size());
  for (const auto& change : changes)
    if (change->text)
      attempt(failures, *change, [&] {
        files.emplace_back(change, definition_path(change->name));
        files.back().write();
      });
  for (auto& file : files) attempt(failures, file.change(), [&] { file.sync(); });
  for (auto& file : files) attempt(failures, file.change(), [&] { file.put_in_place(); });
}

void DefinitionFiles::set_link(const std::string& name, bool there) const {
  const std::string link = autostart_path(name);
  make_directories(autostart_, 0700);
  if (!there) return base::remove_file(link);
  if (::symlink(definition_path(name).c_str(), link.c_str()) < 0 && errno != EEXIST)
    base::fail_errno(base::Code::SystemError, "cannot make link '", link, "'");
}

void DefinitionFiles::require_possible(const std::string& name) const {
  if (name.size() + sizeof kUnfinished - 1 > NAME_MAX)
    base::fail_errno_value(ENAMETOOLONG, base::Code::SystemError, "cannot open '", definition_path(name), ".new'");
}

bool DefinitionFiles::short_of_space(unsigned long long bytes, unsigned long long files) const {
  struct statvfs facts;
  if (::statvfs(definitions_.c_str(), &facts) < 0) return true;
  // statvfs(3): file systems without a table of files say 0 of 0.
  return facts.f_bavail * facts.f_frsize < bytes || (facts.f_files != 0 && facts.f_favail < files);
}

std::vector<std::pair<std::string, std::string>> DefinitionFiles::read() const {
  std::vector<std::pair<std::string, std::string>> texts;
  for (const auto& entry : list_directory(definitions_)) {
    std::string name = entry.path().filename().string();
    if (std::error_code error; !name.ends_with(kSuffix) || !entry.is_regular_file(error)) continue;
    name.resize(name.size() - (sizeof kSuffix - 1));
    try {
      texts.emplace_back(std::move(name), base::with_second_try([&] { return base::read_file(entry.path()); }));
    } catch (const std::exception& problem) {
      base::log::error("cannot load '{}': {}", entry.path().string(), problem.what());
    }
  }
  return texts;
}

bool DefinitionFiles::autostart(const std::string& name) const {
  return base::with_second_try([&] {
    struct stat unused;
    if (::lstat(autostart_path(name).c_str(), &unused) == 0) return true;
    if (base::is_shortage(errno))
      base::fail_errno(base::Code::SystemError, "cannot look for '", autostart_path(name), "'");
    return false;
  });
}

}  // namespace driver
