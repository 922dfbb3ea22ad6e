// An LXC configuration with everything it refers to: included files and folders, and its fstab, in their places.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace importer {

struct LxcLines {
  std::string text;                  // what domain_xml::from_native() takes; autostart is taken out
  std::vector<std::string> origins;  // of each line: "/var/lib/lxc/web/config:3"
  bool autostart = false;
  std::vector<std::string> unread;  // "FILE:LINE: lxc.include = X: No such file or directory"

  /// "line 3: KEY..." as from_native() writes it, with the file and line it stands for.
  std::string place(const std::string& note) const;
};

/// Throws SystemError when `file` cannot be read, ConfigUnsupported when files include one another without an end.
LxcLines read_lxc_files(const std::string& file);

}  // namespace importer
