#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.hpp"
#include "domain-xml/native_lxc.hpp"

namespace domain_xml {

namespace {

constexpr std::size_t kMaxLines = 10000;

struct Rename {
  std::string_view old_key, key;
};

/// What LXC 1 and 2 called keys of today; a name ending in a dot is a family.
constexpr Rename kRenames[] = {
    {"lxc.utsname", "lxc.uts.name"},
    {"lxc.rootfs", "lxc.rootfs.path"},
    {"lxc.mount", "lxc.mount.fstab"},
    {"lxc.tty", "lxc.tty.max"},
    {"lxc.pts", "lxc.pty.max"},
    {"lxc.devttydir", "lxc.tty.dir"},
    {"lxc.console", "lxc.console.path"},
    {"lxc.id_map", "lxc.idmap"},
    {"lxc.seccomp", "lxc.seccomp.profile"},
    {"lxc.aa_profile", "lxc.apparmor.profile"},
    {"lxc.aa_allow_incomplete", "lxc.apparmor.allow_incomplete"},
    {"lxc.se_context", "lxc.selinux.context"},
    {"lxc.haltsignal", "lxc.signal.halt"},
    {"lxc.rebootsignal", "lxc.signal.reboot"},
    {"lxc.stopsignal", "lxc.signal.stop"},
    {"lxc.init_cmd", "lxc.init.cmd"},
    {"lxc.init_uid", "lxc.init.uid"},
    {"lxc.init_gid", "lxc.init.gid"},
    {"lxc.limit.", "lxc.prlimit."},
    {"lxc.loglevel", "lxc.log.level"},
    {"lxc.logfile", "lxc.log.file"},
    {"lxc.network", "lxc.net"},
};

std::string_view trimmed(std::string_view text) {
  static constexpr std::string_view kBlanks = " \t\r";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string_view unquoted(std::string_view text) {
  const bool quoted = text.size() > 1 && (text.front() == '"' || text.front() == '\'') && text.front() == text.back();
  return quoted ? text.substr(1, text.size() - 2) : text;
}

/// Old network keys bear no number: each "type" begins the next network.
class OldNetworks {
 public:
  std::string rename(const std::string& rest) {
    if (rest.empty()) {
      next_ = 0;
      return "lxc.net";
    }
    if (rest.front() >= '0' && rest.front() <= '9') return "lxc.net." + rest;
    if (rest == "type") ++next_;
    const unsigned index = next_ == 0 ? 0 : next_ - 1;
    const bool address = rest == "ipv4" || rest == "ipv6";
    return "lxc.net." + std::to_string(index) + "." + rest + (address ? ".address" : "");
  }

 private:
  unsigned next_ = 0;
};

std::string renamed(const std::string& key, OldNetworks& networks) {
  static constexpr std::string_view kOldNetwork = "lxc.network.";
  if (key == "lxc.network") return networks.rename("");
  if (key.starts_with(kOldNetwork)) return networks.rename(key.substr(kOldNetwork.size()));
  for (const auto& [old_key, now] : kRenames) {
    if (key == old_key) return std::string(now);
    if (old_key.ends_with('.') && key.starts_with(old_key)) return std::string(now) + key.substr(old_key.size());
  }
  return key;
}

LxcLine parse_line(unsigned number, std::string_view text, OldNetworks& networks) {
  const auto equals = text.find('=');
  const std::string written(trimmed(text.substr(0, std::min(equals, text.size()))));
  if (equals == std::string_view::npos || written.empty())
    base::fail(base::Code::ConfSyntax, "line ", number, ": expecting an assignment, key = value");
  LxcLine line{.number = number, .value = std::string(unquoted(trimmed(text.substr(equals + 1))))};
  line.key = renamed(written, networks);
  line.origin = "line " + std::to_string(number) + ": " + origin_of(written, line.value);
  return line;
}

void forget(std::vector<LxcLine>& lines, const std::string& key) {
  const std::string below = key + ".";
  std::erase_if(lines, [&](const LxcLine& line) { return line.key == key || line.key.starts_with(below); });
}

}  // namespace

std::vector<LxcLine> read_lxc_lines(std::string_view text) {
  std::vector<LxcLine> lines;
  std::size_t settings = 0;  // also those forgotten again, each of which looked at all before it
  OldNetworks networks;
  for (unsigned number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view content = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (content.empty() || content.front() == '#') continue;
    LxcLine line = parse_line(number, content, networks);
    if (line.value.empty())
      forget(lines, line.key);
    else
      lines.push_back(std::move(line));
    if (++settings > kMaxLines)
      base::fail(base::Code::ConfigUnsupported, "line ", number, ": more than ", kMaxLines, " settings");
  }
  return lines;
}

std::vector<std::string> split_command(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  bool inside = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      word += text[++i];
      inside = true;
    } else if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word += c;
    } else if (c == '"' || c == '\'') {
      quote = c;
      inside = true;
    } else if (c == ' ' || c == '\t') {
      if (inside) words.push_back(std::move(word));
      word.clear();
      inside = false;
    } else {
      word += c;
      inside = true;
    }
  }
  if (inside) words.push_back(std::move(word));
  return words;
}

std::string join_command(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    const bool plain = !word.empty() && word.find_first_of(" \t\"'\\") == std::string::npos;
    if (!plain) text += '"';
    for (const char c : word) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    if (!plain) text += '"';
  }
  return text;
}

std::string decode_fstab(const std::string& field) {
  std::string text;
  for (std::size_t i = 0; i < field.size(); ++i) {
    unsigned code = 0;
    const char* const digits = field.data() + i + 1;
    const bool escape = field[i] == '\\' && i + 3 < field.size() &&
                        std::from_chars(digits, digits + 3, code, 8).ptr == digits + 3 && code < 0x80 && code >= ' ';
    text += escape ? static_cast<char>(code) : field[i];
    if (escape) i += 3;
  }
  return text;
}

std::string encode_fstab(const std::string& field) {
  std::string text;
  for (const char c : field) {
    if (c == ' ' || c == '\\')
      text += c == ' ' ? "\\040" : "\\134";
    else
      text += c;
  }
  return text;
}

void LxcWriter::line(const std::string& key, const std::string& value) {
  if (value.empty() || value.find('\n') != std::string::npos) return;
  const std::string_view text = value;
  const bool bare = trimmed(text) == text && unquoted(text) == text;
  text_ += key + " = " + (bare ? value : '"' + value + '"') + "\n";
}

}  // namespace domain_xml
