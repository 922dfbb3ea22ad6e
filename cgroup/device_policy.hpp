// The devices a container may use, everything else being denied: lines of the v1 list, a program on v2.
#pragma once

#include <linux/bpf.h>

#include <string>
#include <vector>

#include "cgroup/directory.hpp"
#include "cgroup/limits.hpp"

namespace cgroup {

using DeviceRules = std::vector<DeviceRule>;

/// Rules for the same device become one with the access of all, sorted; rules without access are dropped. Throws
/// InvalidArg for an unknown type or access letter.
DeviceRules merge_rules(const DeviceRules& rules);
/// "c 1:3 rwm", "b *:* m".
std::string format_rule(const DeviceRule& rule);
/// The text of v1 `devices.list`; "a *:* rwm" (all allowed) becomes both types.
DeviceRules parse_device_list(const std::string& text);

struct DeviceChange {
  DeviceRules deny, allow;
  bool operator==(const DeviceChange&) const = default;
};
/// What turns a live v1 list from `now` into `wanted`: the kernel refuses to clear the list of a cgroup with children.
DeviceChange device_change(const DeviceRules& now, const DeviceRules& wanted);

/// BPF_PROG_TYPE_CGROUP_DEVICE program that returns 1 for what `rules` allow and 0 otherwise.
std::vector<bpf_insn> device_program(const DeviceRules& rules);
/// v1: the policy of a new directory, which has no children yet.
void start_device_list(const Directory& directory, const DeviceRules& rules);
/// v1: the policy of a live directory and everything below it.
void change_device_list(const Directory& directory, const DeviceRules& rules);
/// v2: loads the program and puts it on the cgroup in place of the one this function put there before, in one step.
void attach_device_program(const Directory& directory, const DeviceRules& rules);

}  // namespace cgroup
