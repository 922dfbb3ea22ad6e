// A disk as a power loss finds it: what a daemon does to its files is repeated here, and what of it would be there
// after an end at any instant is written into a folder.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "soak/faults/system_call.hpp"

namespace faults {

struct DiskChange {
  struct Make {
    bool empty;  // O_TRUNC
  };
  struct Append {
    std::string bytes;
  };
  struct Write {  // through O_DSYNC: safe when it has returned
    std::size_t offset;
    std::string bytes;
  };
  struct Sync {};
  struct Rename {
    std::string to;
  };
  struct Remove {};
  struct Link {
    std::string target;
  };
  std::string path;
  std::variant<Make, Append, Write, Sync, Rename, Remove, Link> what;
};

/// Of a call that is about to be made; for paths that begin with `root` only.
std::vector<DiskChange> changes_of(const SystemCall& call, const std::string& root);

/// What a disk has kept of that which was not synced.
enum class Kept {
  All,             // the daemon died, the host did not
  Nothing,         // neither names nor data
  NamesOnly,       // files are there, and empty or old
  DataOnly,        // data under the names of before
  HalfOfLastWrite  // all, but of the last write only its beginning
};
constexpr Kept kAllKept[] = {Kept::All, Kept::Nothing, Kept::NamesOnly, Kept::DataOnly, Kept::HalfOfLastWrite};

class DiskModel {
 public:
  /// All files below these folders of `root`, safe.
  DiskModel(const std::string& root, const std::vector<std::string>& folders);
  void apply(const DiskChange& change);
  /// Into an empty folder that takes the root's place.
  void write(const std::string& folder, Kept kept) const;
  /// The same for states that write() the same.
  std::string fingerprint(Kept kept) const;

 private:
  struct Node {
    std::string now, safe;
    std::string link;  // target of a symbolic link
    std::size_t last_at = 0, last_size = 0;
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;
  const Names& names(Kept kept) const;
  std::string bytes(const Node& node, Kept kept) const;

  std::string root_;
  Names now_, safe_;
  const Node* last_written_ = nullptr;
};

}  // namespace faults
