// The suite's own folder and name prefix: everything it makes on this machine carries the prefix, so that runs beside
// each other never meet and leaks are found by name.
#pragma once

#include <string>

namespace support {

/// "lxs" and this process's id: start of every domain, bridge and folder name of this run.
const std::string& prefix();
/// A folder that remove_scratch() removes at the end of the run.
const std::string& scratch();
void remove_scratch();

/// prefix() + "-" + `word`.
std::string own_name(const std::string& word);
/// A new folder in scratch() whose name begins with `word`.
std::string make_folder(const std::string& word);

bool exists(const std::string& path);
std::string read_text(const std::string& path);  // "" when there is no such file
void write_text(const std::string& path, const std::string& text, unsigned mode = 0644);

}  // namespace support
