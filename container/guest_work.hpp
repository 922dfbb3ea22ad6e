// Work on a container's files by a short-lived child of the daemon, whose root directory is the container's: no path in
// a hostile image leads out of there, and a file that never answers costs no more than the child.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/fd.hpp"

namespace container {

/// Whose rights the work has. GuestRoot: those of the container's own root, so that it can do what that could do itself
/// and no more. HostRoot: ours.
enum class Rights { GuestRoot, HostRoot };

struct GuestPlace {
  base::Fd root;            // the container's "/"
  base::Fd user_namespace;  // empty when the container has none of its own
};

inline constexpr std::chrono::seconds kGuestWorkLimit{10};

/// What `work` gives back, or throws as base::Error (with its code, detail and errno). Throws OperationTimeout when it
/// takes longer than `limit`: the child is killed then. fork(2), chroot(2), setns(2).
std::string work_inside(const GuestPlace& place, Rights rights, const std::function<std::string()>& work,
                        std::chrono::milliseconds limit = kGuestWorkLimit);

}  // namespace container
