// The definitions and autostart links that people see and back up: NAME.xml, autostart/NAME.xml. Changes are applied
// many at a time, because what a change costs is mostly the wait for the disk.
#pragma once

#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "driver/paths.hpp"

namespace driver {

/// What is to become of the files of one domain.
struct DefinitionChange {
  std::string name;
  std::optional<std::string> text;  // the new NAME.xml
  bool removed = false;             // no NAME.xml any more; never together with text
  std::optional<bool> autostart;    // the link is there, or is not
  bool operator==(const DefinitionChange&) const = default;

  /// This change and then `later`, of the same name, as one.
  DefinitionChange followed_by(DefinitionChange later) const;
};

using DefinitionChangePtr = std::shared_ptr<const DefinitionChange>;

class DefinitionFiles {
 public:
  using Failures = std::map<std::string, std::exception_ptr>;  // by domain name

  explicit DefinitionFiles(const Paths& paths);

  /// When it returns, every change is on disk, save those in the answer. At any instant each NAME.xml is old or new,
  /// also after a crash. One thread at a time, and one change per name.
  Failures apply(const std::vector<DefinitionChangePtr>& changes);
  /// Throws SystemError when the file system cannot have a definition of that name.
  void require_possible(const std::string& name) const;
  /// Whether less than `bytes` or `files` are left where definitions are.
  bool short_of_space(unsigned long long bytes, unsigned long long files) const;

  /// Name and text of every NAME.xml; those that cannot be read are logged and left out.
  std::vector<std::pair<std::string, std::string>> read() const;
  bool autostart(const std::string& name) const;

 private:
  void write_texts(std::span<const DefinitionChangePtr> changes, Failures& failures) const;
  void set_link(const std::string& name, bool there) const;
  std::string definition_path(const std::string& name) const;
  std::string autostart_path(const std::string& name) const;
  std::string definitions_, autostart_;
};

}  // namespace driver
