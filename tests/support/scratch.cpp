#include "support/scratch.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace support {

const std::string& prefix() {
  static const std::string text = "lxs" + std::to_string(getpid());
  return text;
}

const std::string& scratch() {
  static const std::string path = [] {
    const char* base = std::getenv("TMPDIR");
    std::string made = std::string(base ? base : "/tmp") + "/" + prefix() + "-XXXXXX";
    if (!mkdtemp(made.data())) throw std::runtime_error("cannot make " + made);
    chmod(made.c_str(), 0755);
    return made;
  }();
  return path;
}

void remove_scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(scratch(), ignored);
}

std::string own_name(const std::string& word) {
  return prefix() + "-" + word;
}

std::string make_folder(const std::string& word) {
  static std::atomic<int> counter{0};
  const std::string path = scratch() + "/" + word + "-" + std::to_string(++counter);
  std::filesystem::create_directories(path);
  return path;
}

bool exists(const std::string& path) {
  return faccessat(AT_FDCWD, path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_text(const std::string& path, const std::string& text, unsigned mode) {
  std::ofstream(path, std::ios::binary) << text;
  chmod(path.c_str(), mode);
}

}  // namespace support
