// Limits as the text of kernel files, for each hierarchy version, and back. Pure: nothing here opens a file.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cgroup/limits.hpp"

namespace cgroup {

struct ControlWrite {
  std::string controller;  // by its v1 name ("blkio"), as Hierarchy::find takes it
  std::string file, text;
  std::string fallback_file, fallback_text;  // instead, where the kernel lacks `file` (BFQ not built in)
  bool operator==(const ControlWrite&) const = default;
};

/// The writes that put `wanted` in force, in the order the kernel accepts them, for the files of one hierarchy version.
/// `now` is what is in force already: it decides whether the memory or the memory+swap limit goes first, and completes
/// what v2 keeps in one file. Throws InvalidArg for a swap limit below the memory limit. Devices are not among them.
std::vector<ControlWrite> control_writes(const Limits& wanted, int version, const Limits& now = {});

/// Text of a controller's file, nullopt if there is none.
using ReadControl = std::function<std::optional<std::string>(const std::string& controller, const std::string& file)>;

/// The other direction. What is unlimited is absent, except the quota, which is -1 on both versions (G6).
Limits parse_limits(int version, const ReadControl& read);

/// `first`, with what it leaves open taken from `second`: on a hybrid host each knows the controllers of its version.
Limits merge_limits(Limits first, const Limits& second);

/// cpu.shares ↔ cpu.weight 1..10000: in proportion, and the default of one (1024) is that of the other (100), so that
/// containers weigh against each other and against everybody else the same on both versions (G5).
std::uint64_t weight_from_shares(std::uint64_t shares);
std::uint64_t shares_from_weight(std::uint64_t weight);

}  // namespace cgroup
