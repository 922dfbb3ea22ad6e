// Files as block devices of the host (loop(4)), for <disk type='file'>. The kernel keeps them, whatever becomes of the
// daemon, and whose each is with them: as the name of the file, which is the caller's to choose.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "container/given_devices.hpp"

namespace container {

/// "lxcell:UUID:vda". Throws ConfigUnsupported for a target that is too long.
std::string loop_mark(const std::string& uuid, const std::string& target);

/// Owner of one device; detaches it unless released.
class LoopDisk {
 public:
  /// The kernel picks the device. Throws SystemError naming the file.
  static LoopDisk attach(const std::string& file, bool readonly, const std::string& mark);
  LoopDisk(LoopDisk&& other) noexcept;
  LoopDisk& operator=(LoopDisk&& other) noexcept;
  ~LoopDisk();
  void release() noexcept { mark_.clear(); }

 private:
  explicit LoopDisk(std::string mark) : mark_(std::move(mark)) {}
  std::string mark_;
};

/// A device that shows `file` until its last close, be it of a mount.
struct LoopFile {
  std::string path;
  base::Fd device;
};
/// Throws ResourceBusy when another device shows the file and one of both may write: two file systems on one image
/// would destroy it. SystemError names the file.
LoopFile open_loop(const std::string& file, bool readonly);

/// Those of `devices` that are files; nothing stays if one fails.
std::vector<LoopDisk> attach_loops(const std::vector<GivenDevice>& devices);

/// "/dev/loop3": the device with this mark; nullopt if there is none. `missed`: set to the errno for which that cannot
/// be told, or to 0.
std::optional<std::string> find_loop(const std::string& mark, int* missed = nullptr);
/// The device with this mark, or all of a domain. One that is in use is let go of at its last close. Never throw.
void detach_loop(const std::string& mark) noexcept;
void detach_loops_of(const std::string& uuid) noexcept;

}  // namespace container
