// Token buckets as a BPF program for a link's ingress: a packet that finds one of them empty is dropped. The kernel's
// own police action would do, but for one bucket only, and not every kernel has it; every kernel with bpf has this.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <vector>

#include "base/fd.hpp"

namespace netlink {

struct TokenBucket {
  std::uint64_t bytes_per_second = 0;  // not 0
  std::uint64_t depth_bytes = 0;       // what may pass at once after a pause
  bool operator==(const TokenBucket&) const = default;
};

/// For a classifier in direct-action mode. `state` is an array map whose value holds one 64-bit number per bucket, 0 at
/// first: the time (ns since boot) at which the bucket is full again.
std::vector<bpf_insn> policer_program(const std::vector<TokenBucket>& buckets, int state);

/// The program, loaded, with a state of its own. Throws SystemError.
base::Fd load_policer(const std::vector<TokenBucket>& buckets);

}  // namespace netlink
