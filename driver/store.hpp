// Definitions and live state on disk. A definition is safe on disk before its call is answered, and soon after in its
// file; live state is enough to find the supervisor again.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "container/running.hpp"
#include "domain-xml/definition.hpp"
#include "driver/definition_files.hpp"
#include "driver/definition_journal.hpp"
#include "driver/domain_state.hpp"
#include "driver/paths.hpp"

namespace driver {

struct SavedStatus {
  Status status;
  bool shutdown_requested = false;
  container::RunningFacts facts;
  domain_xml::DomainDefinition live;
};

class Store {
 public:
  explicit Store(const Paths& paths);

  /// On disk when it returns, old or new after a crash. Throws SystemError; nothing has changed then.
  void save_definition(const domain_xml::DomainDefinition& definition);
  /// The same for its end, which is that of autostart too.
  void remove_definition(const std::string& name);
  /// Every definition that can be read; the others are logged by name and left where they are.
  std::vector<domain_xml::DomainDefinition> load_definitions();

  /// The link that means "start with the host".
  void set_autostart(const std::string& name, bool enabled);
  bool autostart(const std::string& name) const;
  /// True once per boot: the first caller makes the marker in the run directory.
  bool first_start_since_boot();

  /// Atomic but not synced: live state does not outlive the boot.
  void save_status(const SavedStatus& saved);
  void remove_status(const std::string& name) noexcept;
  std::vector<SavedStatus> load_statuses();

 private:
  std::string status_path(const std::string& name) const;
  Paths paths_;
  DefinitionFiles files_;
  DefinitionJournal journal_;
};

/// The text form of a status file: key=value lines, a blank line, the domain's XML.
std::string format_status(const SavedStatus& saved);
/// Throws InternalError saying what is wrong with the text.
SavedStatus parse_status(const std::string& text);

}  // namespace driver
