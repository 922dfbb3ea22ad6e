// Definition journals and the files they lead to. An even first byte: the rest is the payload of a sound frame; odd: it
// is the whole journal. A daemon starts on it, and another finds what the first one left.
#include <unistd.h>
#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/log.hpp"
#include "driver/store.hpp"

namespace {

template <typename Number>
void put(std::string& bytes, Number number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

std::uint32_t checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

/// As driver/journal_file.hpp describes it.
std::string journal_with(std::string_view payload) {
  constexpr std::uint64_t kNonce = 1;
  std::string file = "lxcell journal 1\n";
  file.resize(32);
  put(file, kNonce);
  put(file, checksum(file));
  file.resize(4096);
  std::string checked;
  put(checked, kNonce);
  put(checked, static_cast<std::uint32_t>(payload.size()));
  file += checked;
  checked += payload;
  put(file, checksum(checked));
  file += payload;
  file.resize((file.size() + 4095) / 4096 * 4096);
  return file;
}

std::size_t definitions_in(const driver::Paths& paths) {
  driver::Store store(paths);
  return store.load_definitions().size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const bool quiet = [] {
    base::log::configure(base::log::Level::Error, "/dev/null");
    return true;
  }();
  static_cast<void>(quiet);
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  static const std::string root = "/dev/shm/lxcell-journal-fuzz-" + std::to_string(::getpid());
  std::filesystem::remove_all(root);
  const auto paths = driver::Paths::below(root, "lxcell");
  std::filesystem::create_directories(std::filesystem::path(paths.journal).parent_path());
  std::ofstream(paths.journal) << (data[0] % 2 == 0 ? journal_with(rest) : std::string(rest));
  const std::size_t first = definitions_in(paths);
  if (definitions_in(paths) != first) std::abort();
  std::filesystem::remove_all(root);
  return 0;
}
