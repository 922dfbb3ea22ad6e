#include "container/image_mount.hpp"

#include <blkid/blkid.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "container/filesystem.hpp"
#include "container/loop_disk.hpp"

namespace container {
namespace {

using base::Code;

std::string value_of(blkid_probe probe, const char* name) {
  const char* value = nullptr;
  return ::blkid_probe_lookup_value(probe, name, &value, nullptr) == 0 && value ? value : "";
}

/// "ext4". More than one possible answer is none: to mount the wrong one may destroy the other.
std::string file_system_in(const base::Fd& device, const std::string& source) {
  const std::unique_ptr<blkid_struct_probe, void (*)(blkid_probe)> probe(::blkid_new_probe(), ::blkid_free_probe);
  if (!probe || ::blkid_probe_set_device(probe.get(), device.get(), 0, 0) != 0)
    base::fail(Code::SystemError, "cannot look for a file system in '", source, "'");
  ::blkid_probe_enable_superblocks(probe.get(), 1);
  ::blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE);
  const int found = ::blkid_do_safeprobe(probe.get());
  if (found == -2) base::fail(Code::ConfigUnsupported, "'", source, "' has signs of more than one file system");
  if (found != 0 || value_of(probe.get(), "USAGE") != "filesystem")
    base::fail(Code::ConfigUnsupported, "no file system found in '", source, "'");
  return value_of(probe.get(), "TYPE");
}

base::Fd open_device(const std::string& path) {
  base::Fd device = base::open_file(path, O_RDONLY);
  struct stat status {};
  if (::fstat(device.get(), &status) < 0 || !S_ISBLK(status.st_mode))
    base::fail(Code::ConfigUnsupported, "'", path, "' is no block device");
  return device;
}

}  // namespace

base::Fd mount_image(const MountStep& step) {
  const bool readonly = (step.attributes & MOUNT_ATTR_RDONLY) != 0;
  const LoopFile source =
      step.fstype == "loop" ? open_loop(step.source, readonly) : LoopFile{step.source, open_device(step.source)};
  const std::string type = file_system_in(source.device, step.source);
  base::Fd mount(make_filesystem(type.c_str(), source.path.c_str(), readonly ? "ro" : "", step.attributes));
  if (!mount) base::fail_errno(Code::SystemError, "cannot mount the ", type, " file system in '", step.source, "'");
  return mount;
}

std::vector<base::Fd> mount_images(const ContainerPlan& plan) {
  std::vector<base::Fd> mounts;
  if (!plan.root_image.empty())
    mounts.push_back(mount_image({.kind = MountKind::Image,
                                  .source = plan.root_source,
                                  .fstype = plan.root_image,
                                  .attributes = plan.root_readonly ? std::uint64_t{MOUNT_ATTR_RDONLY} : 0}));
  for (const auto& step : plan.mounts)
    if (step.kind == MountKind::Image) mounts.push_back(mount_image(step));
  return mounts;
}

}  // namespace container
