// Definitions and live state on disk. A definition is safe on disk before its call is answered, and soon after in its
// file; live state is enough to find the supervisor again.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
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
  bool restarting = false;  // it is to run again once this run is over
  bool froze = false;       // file systems of its own, or was about to: some may be frozen still
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
  /// Both in one step: `definition`, and the end of the one under the name it had.
  void rename_definition(const std::string& old_name, const domain_xml::DomainDefinition& definition, bool autostart);
  /// Every definition that can be read; the others are logged by name and left where they are, but for those that are
  /// no XML at all, which are set aside as NAME.xml.damaged.
  std::vector<domain_xml::DomainDefinition> load_definitions();

  /// The link that means "start with the host".
  void set_autostart(const std::string& name, bool enabled);
  bool autostart(const std::string& name) const;
  /// True once per boot: the first caller makes the marker in the run directory.
  bool first_start_since_boot();

  /// Atomic but not synced: live state does not outlive the boot. Throws OperationInvalid where another daemon's word
  /// is to be kept.
  void save_status(const SavedStatus& saved);
  /// What cannot be removed says at least that nothing is to be started.
  void remove_status(const std::string& name) noexcept;
  /// The names of all domains with a status file, or one that was set aside and is not replaced. What earlier daemons
  /// were refused to remove goes: sockets that nobody listens at.
  std::vector<std::string> status_names() const;
  /// nullopt when there is none. Throws SystemError when it cannot be read, else as parse_status().
  std::optional<SavedStatus> load_status(const std::string& name) const;
  /// As NAME.status.damaged, for whoever wants to mend it. Throws SystemError.
  void set_status_aside(const std::string& name);
  /// What can be read of the domain in such a file; nullopt when that is damaged too.
  std::optional<domain_xml::DomainDefinition> definition_set_aside(const std::string& name) const;
  /// In the place of one that was set aside, kept or not.
  void restore_status(const SavedStatus& saved) const;
  /// What is said of this domain is a container's that this daemon does not manage: it stays until it is let go.
  void keep_status(const std::string& name, const std::string& why);
  void let_go_of_status(const std::string& name) noexcept;
  /// Throws OperationInvalid when the domain's container is one of those.
  void require_managed(const std::string& name) const;

 private:
  std::string status_path(const std::string& name) const;
  void take_back_restart(const std::string& name);
  void report_definition(const std::string& name, const base::Error& problem) const;
  void remove_deserted_sockets() const;
  Paths paths_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> kept_;  // guarded; why, by name
  DefinitionFiles files_;
  DefinitionJournal journal_;
};

/// The text form of a status file: key=value lines, a blank line, the domain's XML.
std::string format_status(const SavedStatus& saved);
/// Throws OperationUnsupported for the text of a newer daemon, InternalError saying what is wrong with it otherwise.
SavedStatus parse_status(const std::string& text);

}  // namespace driver
