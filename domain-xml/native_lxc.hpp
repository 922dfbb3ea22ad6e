// The lines of an lxc.container.conf(5), and the parts of it that are more than one line each.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "domain-xml/native_parts.hpp"

namespace domain_xml {

struct LxcLine {
  unsigned number = 0;
  std::string key;    // as LXC 3 and later name it
  std::string value;  // without blanks and quotes around it
  std::string origin;
};

/// Assignments in order, comments dropped, keys of LXC 1 and 2 renamed. A key without a value forgets what was said of
/// it, and below it, before. ConfSyntax for a line that is no assignment.
std::vector<LxcLine> read_lxc_lines(std::string_view text);

/// The lines of "lxc.net.N." by what follows, of one N.
using LxcNetwork = std::vector<LxcLine>;
/// Adds the interface or host device; Host when the type is "none".
NetworkNamespace add_lxc_network(Conversion& conversion, const LxcNetwork& lines);

/// Words of a command line: blanks between, quotes and backslashes as a shell has them.
std::vector<std::string> split_command(const std::string& text);
std::string join_command(const std::vector<std::string>& words);

/// Fields of an fstab(5) line: \040 and its like stand for blanks.
std::string decode_fstab(const std::string& field);
std::string encode_fstab(const std::string& field);

/// Lines "key = value" in the making.
class LxcWriter {
 public:
  /// A value that no line can hold, for a newline in it, is not written.
  void line(const std::string& key, const std::string& value);
  void line(const std::string& key, std::uint64_t value) { line(key, std::to_string(value)); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void write_lxc_networks(LxcWriter& writer, const DomainDefinition& definition);
void write_lxc_limits(LxcWriter& writer, const DomainDefinition& definition);

}  // namespace domain_xml
