#include "driver/node_power.hpp"

#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <unistd.h>

#include <sstream>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace driver {
namespace {

using base::Code;

constexpr std::uint64_t kShortest = 60;

bool has_word(const std::string& path, const std::string& word) {
  if (::access(path.c_str(), R_OK) != 0) return false;
  std::istringstream text(base::read_file(path));
  for (std::string one; text >> one;)
    if (one == word || one == "[" + word + "]") return true;
  return false;
}

void put(const std::string& path, const std::string& text) {
  const base::Fd fd = base::open_file(path, O_WRONLY | O_TRUNC);
  base::write_all(fd.get(), text.data(), text.size(), path);
}

/// To memory, or to disk: alone, or as a copy in case the memory loses power (hybrid).
const char* state_of(unsigned target) {
  switch (target) {
    case VIR_NODE_SUSPEND_TARGET_MEM:
      return "mem";
    case VIR_NODE_SUSPEND_TARGET_DISK:
    case VIR_NODE_SUSPEND_TARGET_HYBRID:
      return "disk";
    default:
      base::fail(Code::InvalidArg, "unknown suspend target ", target);
  }
}

}  // namespace

void NodePower::prepare(unsigned target, std::uint64_t seconds) const {
  const std::string state = state_of(target);
  if (seconds < kShortest)
    base::fail(Code::InvalidArg, "suspend duration is too short, it must be at least ", kShortest);
  const bool hybrid = target == VIR_NODE_SUSPEND_TARGET_HYBRID;
  if (!has_word(sys_ + "/power/state", state) || (hybrid && !has_word(sys_ + "/power/disk", "suspend")))
    base::fail(Code::OperationUnsupported, "this host cannot be suspended to ", hybrid ? "memory and disk" : state);
  const std::string alarm = sys_ + "/class/rtc/rtc0/wakealarm";
  if (::access(alarm.c_str(), W_OK) != 0)
    base::fail(Code::OperationUnsupported, "this host has no clock that could wake it: there is no '", alarm, "'");
  put(alarm, "0\n");  // one that is set already would be kept
  put(alarm, "+" + std::to_string(seconds) + "\n");
}

void NodePower::sleep(unsigned target) const {
  if (target == VIR_NODE_SUSPEND_TARGET_HYBRID) put(sys_ + "/power/disk", "suspend\n");
  put(sys_ + "/power/state", std::string(state_of(target)) + "\n");
}

}  // namespace driver
