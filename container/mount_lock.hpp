// Mount flags that nobody can take back. The kernel locks the flags of all mounts that a mount namespace of a user
// namespace with fewer rights copies (mount_namespaces(7)), and of nothing else; so a tree that is to come into a
// container that runs goes through such a copy, in a process and two namespaces that are gone right after.
#pragma once

#include "base/fd.hpp"

namespace container {

/// The same tree, its flags locked for whoever is in `user_namespace` or below, and for everybody else. What lies below
/// its root cannot be unmounted by itself any more. `name` is for the error.
base::Fd lock_flags(base::Fd tree, const base::Fd& user_namespace, const char* name);

}  // namespace container
