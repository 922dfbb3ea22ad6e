// Finding, making and taking away mount points inside an image that may be hostile: always by descriptor, beneath its
// root.
#pragma once

#include <cstddef>

#include "container/plan.hpp"

namespace container {

/// O_PATH descriptor of `path` beneath `root`; made when missing and asked for. -1 with errno.
int open_mount_target(int root, const char* path, CreateTarget create);

/// Called with each path that had to be made in the image itself (not in something mounted there).
using CreatedSink = void (*)(const char* path);
void set_created_sink(CreatedSink sink);

/// Removes what was made, newest first: empty directories and empty files only, beneath `root_source`.
void remove_created(const char* root_source, const char* paths, std::size_t size);

}  // namespace container
