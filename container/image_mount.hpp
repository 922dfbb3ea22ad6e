// File systems in files and block devices of the host's, mounted by the daemon: what the kernel knows of the device is
// nothing a container may open. A file's loop device goes with the last mount of it.
#pragma once

#include <vector>

#include "base/fd.hpp"
#include "container/plan.hpp"

namespace container {

/// A detached mount of an Image step. libblkid tells the type of file system. Throws ConfigUnsupported when there is
/// none or the source is no block device, ResourceBusy when the image is in use, else SystemError.
base::Fd mount_image(const MountStep& step);
/// The root's, if it is an image, then those of the plan's steps.
std::vector<base::Fd> mount_images(const ContainerPlan& plan);

}  // namespace container
