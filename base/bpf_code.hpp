// Instructions of BPF programs (kernel: Documentation/bpf/instruction-set.rst), for programs short enough to be written
// down.
#pragma once

#include <linux/bpf.h>

namespace base::bpf {

inline bpf_insn code(unsigned code, unsigned destination, unsigned source, int offset, int value) {
  bpf_insn made{};
  made.code = static_cast<__u8>(code);
  made.dst_reg = static_cast<__u8>(destination & 0xF);
  made.src_reg = static_cast<__u8>(source & 0xF);
  made.off = static_cast<__s16>(offset);
  made.imm = value;
  return made;
}

/// `size`: BPF_W or BPF_DW.
inline bpf_insn load(unsigned size, unsigned destination, unsigned address, int offset) {
  return code(BPF_LDX | BPF_MEM | size, destination, address, offset, 0);
}
inline bpf_insn move(unsigned destination, unsigned source) {
  return code(BPF_ALU64 | BPF_MOV | BPF_X, destination, source, 0, 0);
}
inline bpf_insn set(unsigned destination, int value) {
  return code(BPF_ALU64 | BPF_MOV | BPF_K, destination, 0, 0, value);
}
/// `operation`: BPF_ADD, BPF_SUB, BPF_LSH..., 64 bits wide.
inline bpf_insn compute(unsigned operation, unsigned destination, int value) {
  return code(BPF_ALU64 | operation | BPF_K, destination, 0, 0, value);
}
inline bpf_insn compute_with(unsigned operation, unsigned destination, unsigned source) {
  return code(BPF_ALU64 | operation | BPF_X, destination, source, 0, 0);
}
/// Arguments in r1 to r5, the result in r0.
inline bpf_insn call(int function) {
  return code(BPF_JMP | BPF_CALL, 0, 0, 0, function);
}
inline bpf_insn exit() {
  return code(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

}  // namespace base::bpf
