// One container as another program knows it, or why it could not be read.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace importer {

struct Found {
  std::string name;    // of the domain to be
  std::string origin;  // where it was found: a file, or a URI
  std::string xml;     // empty if there is `problem`
  bool autostart = false;
  bool running = false;           // known of libvirt's domains only
  std::vector<std::string> kept;  // in words: "root file system /srv/web"
  std::vector<std::string> lost;  // what has no counterpart, by its name and place in the source
  std::string problem;
};

/// Those in `names`, or all if it is empty; a name that is not there is a Found with a problem.
struct Wanted {
  std::string place;
  std::vector<std::string> names;
};

}  // namespace importer
