#include "importer/lxc_lines.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <sstream>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace importer {
namespace {

constexpr int kMaxDepth = 16;

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

struct KeyValue {
  std::string key, value;
};

std::optional<KeyValue> split_line(const std::string& line) {
  const auto equals = line.find('=');
  if (equals == std::string::npos || trimmed(line).starts_with('#')) return std::nullopt;
  return KeyValue{trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1))};
}

class Reader {
 public:
  void read(const std::string& file, int depth);
  LxcLines take() { return std::move(lines_); }

 private:
  void line(const std::string& text, const std::string& place, int depth);
  void include(const std::string& path, int depth);
  void fstab(const std::string& file);
  void add(const std::string& text, const std::string& place) {
    lines_.text += text + "\n";
    lines_.origins.push_back(place);
  }
  /// A file the configuration names: one that is missing is a loss, not an end.
  template <typename Read>
  void refer(const std::string& text, const std::string& place, const Read& read) {
    try {
      read();
    } catch (const base::Error& error) {
      if (error.code() != base::Code::SystemError) throw;
      lines_.unread.push_back(place + ": " + trimmed(text) + ": " + error.detail());
    }
  }

  LxcLines lines_;
};

void Reader::read(const std::string& file, int depth) {
  if (depth > kMaxDepth)
    base::fail(base::Code::ConfigUnsupported, "'", file, "' is included more than ", kMaxDepth, " files deep");
  std::istringstream text(base::read_file(file));
  std::size_t number = 0;
  for (std::string one; std::getline(text, one);) line(one, file + ":" + std::to_string(++number), depth);
}

void Reader::line(const std::string& text, const std::string& place, int depth) {
  const auto found = split_line(text);
  if (found && found->key == "lxc.include") return refer(text, place, [&] { include(found->value, depth); });
  if (found && (found->key == "lxc.mount.fstab" || found->key == "lxc.mount"))
    return refer(text, place, [&] { fstab(found->value); });
  if (found && found->key == "lxc.start.auto") {
    lines_.autostart = found->value != "0" && !found->value.empty();
    return;
  }
  add(text, place);
}

/// Of a folder every *.conf, as LXC has it.
void Reader::include(const std::string& path, int depth) {
  if (!std::filesystem::is_directory(path)) return read(path, depth + 1);
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(path))
    if (entry.path().extension() == ".conf") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) read(file, depth + 1);
}

void Reader::fstab(const std::string& file) {
  std::istringstream text(base::read_file(file));
  std::size_t number = 0;
  for (std::string one; std::getline(text, one);) {
    ++number;
    const std::string entry = trimmed(one);
    if (!entry.empty() && entry.front() != '#') add("lxc.mount.entry = " + entry, file + ":" + std::to_string(number));
  }
}

}  // namespace

std::string LxcLines::place(const std::string& note) const {
  constexpr std::string_view kWord = "line ";
  if (!note.starts_with(kWord)) return note;
  const auto colon = note.find(':');
  const std::size_t number = std::strtoul(note.c_str() + kWord.size(), nullptr, 10);
  if (colon == std::string::npos || number == 0 || number > origins.size()) return note;
  return origins[number - 1] + note.substr(colon);
}

LxcLines read_lxc_files(const std::string& file) {
  Reader reader;
  reader.read(file, 0);
  return reader.take();
}

}  // namespace importer
