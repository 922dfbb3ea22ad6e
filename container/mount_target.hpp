// Finding, making and taking away mount points inside an image that may be hostile: always by descriptor, beneath its
// root.
#pragma once

#include <cstddef>

#include "container/plan.hpp"

namespace container {

/// Called with each path that had to be made in the image itself (not in something mounted there).
struct CreatedSink {
  void (*call)(void* context, const char* path) = nullptr;
  void* context = nullptr;
};

/// O_PATH descriptor of `path` beneath `root`; made when missing and asked for. -1 with errno.
int open_mount_target(int root, const char* path, CreateTarget create, const CreatedSink& sink);
/// With the sink that set_created_sink() was given.
int open_mount_target(int root, const char* path, CreateTarget create);
void set_created_sink(const CreatedSink& sink);

/// Removes what was made, newest first: empty directories and empty files only, beneath `root` or `root_source`.
void remove_created(int root, const char* paths, std::size_t size);
void remove_created(const char* root_source, const char* paths, std::size_t size);

}  // namespace container
