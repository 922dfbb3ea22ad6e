#include "netlink/policer.hpp"

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include <limits>

#include "base/bpf_code.hpp"
#include "base/error.hpp"

namespace netlink {
namespace {

namespace bpf = base::bpf;

constexpr std::uint64_t kNanoseconds = 1'000'000'000;
/// A bucket that another CPU changes at the same moment is tried again this often, then the packet is dropped.
constexpr int kAttempts = 8;

// Registers: r6 the packet's length, r7 now, r8 the bucket, r9 what the packet costs there in ns; r0 to r3 are scratch.

class Program {
 public:
  void move(unsigned destination, unsigned source) {
    code_.push_back(bpf::code(BPF_ALU64 | BPF_MOV | BPF_X, destination, source, 0, 0));
  }
  void set(unsigned destination, std::uint64_t value) { load(destination, 0, value); }
  /// The address of `offset` in the value of array map `state`.
  void set_to_state(unsigned destination, int state, std::uint32_t offset) {
    load(destination, BPF_PSEUDO_MAP_VALUE, std::uint64_t{offset} << 32 | static_cast<std::uint32_t>(state));
  }
  void compute(unsigned operation, unsigned destination, unsigned source) {
    code_.push_back(bpf::code(BPF_ALU64 | operation | BPF_X, destination, source, 0, 0));
  }
  void negate(unsigned destination) { code_.push_back(bpf::code(BPF_ALU64 | BPF_NEG, destination, 0, 0, 0)); }
  void read(unsigned size, unsigned destination, unsigned address, int offset) {
    code_.push_back(bpf::code(BPF_LDX | BPF_MEM | size, destination, address, offset, 0));
  }
  void atomic(int operation, unsigned address, unsigned source) {
    code_.push_back(bpf::code(BPF_STX | BPF_ATOMIC | BPF_DW, address, source, 0, operation));
  }
  void call(int helper) { code_.push_back(bpf::code(BPF_JMP | BPF_CALL, 0, 0, 0, helper)); }
  void leave_with(int verdict) {
    code_.push_back(bpf::code(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, verdict));
    code_.push_back(bpf::code(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  }
  /// Jumps over the next `count` instructions if "one OPERATION other".
  void skip_if(unsigned operation, unsigned one, unsigned other, int count) {
    code_.push_back(bpf::code(BPF_JMP | operation | BPF_X, one, other, count, 0));
  }
  /// The same to a place that is not known yet.
  [[nodiscard]] std::size_t jump_if(unsigned operation, unsigned one, unsigned other) {
    skip_if(operation, one, other, 0);
    return code_.size() - 1;
  }
  void land(std::size_t jump) { code_[jump].off = static_cast<__s16>(code_.size() - jump - 1); }
  std::vector<bpf_insn> take() { return std::move(code_); }

 private:
  void load(unsigned destination, unsigned kind, std::uint64_t value) {
    // NOLINTNEXTLINE(misc-redundant-expression): two of the words are 0
    code_.push_back(bpf::code(BPF_LD | BPF_DW | BPF_IMM, destination, kind, 0, static_cast<int>(value)));
    code_.push_back(bpf::code(0, 0, 0, 0, static_cast<int>(value >> 32)));
  }
  std::vector<bpf_insn> code_;
};

/// What `bytes` take at that rate.
std::uint64_t nanoseconds(std::uint64_t bytes, const TokenBucket& bucket) {
  const double exact =
      static_cast<double>(bytes) * static_cast<double>(kNanoseconds) / static_cast<double>(bucket.bytes_per_second);
  constexpr double kMost = static_cast<double>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::uint64_t>(exact < kMost ? exact : kMost);
}

void add_cost(Program& program, const TokenBucket& bucket) {
  program.move(BPF_REG_9, BPF_REG_6);
  program.set(BPF_REG_1, kNanoseconds);
  program.compute(BPF_MUL, BPF_REG_9, BPF_REG_1);
  program.set(BPF_REG_1, bucket.bytes_per_second);
  program.compute(BPF_DIV, BPF_REG_9, BPF_REG_1);
}

/// One try to pay: goes on behind it, or jumps to `empty` or `paid`, which the caller lands.
void add_attempt(Program& program, const TokenBucket& bucket, std::vector<std::size_t>& empty,
                 std::vector<std::size_t>& paid) {
  program.read(BPF_DW, BPF_REG_0, BPF_REG_8, 0);
  program.move(BPF_REG_3, BPF_REG_0);
  program.move(BPF_REG_1, BPF_REG_0);
  program.skip_if(BPF_JGE, BPF_REG_1, BPF_REG_7, 1);  // full since then: no more than full
  program.move(BPF_REG_1, BPF_REG_7);
  program.set(BPF_REG_2, nanoseconds(bucket.depth_bytes, bucket));
  program.compute(BPF_ADD, BPF_REG_2, BPF_REG_7);
  empty.push_back(program.jump_if(BPF_JGT, BPF_REG_1, BPF_REG_2));
  program.compute(BPF_ADD, BPF_REG_1, BPF_REG_9);
  program.atomic(BPF_CMPXCHG, BPF_REG_8, BPF_REG_1);  // with r0, which becomes what was there
  paid.push_back(program.jump_if(BPF_JEQ, BPF_REG_0, BPF_REG_3));
}

void pay_back(Program& program, const TokenBucket& bucket, int state, std::uint32_t offset) {
  program.set_to_state(BPF_REG_8, state, offset);
  add_cost(program, bucket);
  program.negate(BPF_REG_9);
  program.atomic(BPF_ADD, BPF_REG_8, BPF_REG_9);
}

std::uint32_t place(std::size_t bucket) {
  return static_cast<std::uint32_t>(bucket * sizeof(std::uint64_t));
}

}  // namespace

/// Each bucket is the virtual scheduling form of a token bucket: paying moves the time at which it is full again, and
/// it is empty when that is further away than filling it takes. Without locks, as packets come on several CPUs.
std::vector<bpf_insn> policer_program(const std::vector<TokenBucket>& buckets, int state) {
  Program program;
  program.read(BPF_W, BPF_REG_6, BPF_REG_1, offsetof(__sk_buff, len));
  program.call(BPF_FUNC_ktime_get_ns);
  program.move(BPF_REG_7, BPF_REG_0);
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    std::vector<std::size_t> empty, paid;
    program.set_to_state(BPF_REG_8, state, place(i));
    add_cost(program, buckets[i]);
    for (int attempt = 0; attempt < kAttempts; ++attempt) add_attempt(program, buckets[i], empty, paid);
    for (const auto jump : empty) program.land(jump);
    for (std::size_t before = 0; before < i; ++before) pay_back(program, buckets[before], state, place(before));
    program.leave_with(TC_ACT_SHOT);
    for (const auto jump : paid) program.land(jump);
  }
  program.leave_with(TC_ACT_UNSPEC);  // as if we had not looked: other filters come next
  return program.take();
}

base::Fd load_policer(const std::vector<TokenBucket>& buckets) {
  const base::Fd state(
      bpf_map_create(BPF_MAP_TYPE_ARRAY, "lxcell_police", sizeof(std::uint32_t), place(buckets.size()), 1, nullptr));
  if (!state) base::fail_errno(base::Code::SystemError, "cannot make a map for a link's token buckets");
  const auto code = policer_program(buckets, state.get());
  base::Fd program(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "lxcell_police", "LGPL", code.data(), code.size(), nullptr));
  if (!program) base::fail_errno(base::Code::SystemError, "cannot load the program that polices a link");
  return program;
}

}  // namespace netlink
