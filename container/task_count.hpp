// How many tasks a container has and what they do, from its cgroups and the host's /proc.
#pragma once

#include "container/usage_text.hpp"

namespace container {

/// Of the cgroup `directory` and those below it. Nothing inside can make it take long: of more than a thousand tasks
/// only so many are looked at, and the rest count as asleep.
TaskCount count_tasks(int directory);

}  // namespace container
