#include "cgroup/per_cpu_time.hpp"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <numeric>
#include <string_view>

#include "base/bpf_code.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "cgroup/text.hpp"

namespace cgroup {
namespace {

namespace bpf = base::bpf;
using base::Code;

/// Where this kernel has what the program needs, by its own type information.
struct Layout {
  int iterator;          // BTF number of the function whose type the program has
  int per_cpu_variable;  // BTF number of any
  int cpus_of_group;     // in struct cgroup, bytes: the pointer to its figures of each CPU
  int time_of_cpu;       // in these, bytes: the nanoseconds
  bool all_below;        // they count the groups below as well
};

class KernelTypes {
 public:
  KernelTypes() : btf_(btf__load_vmlinux_btf(), btf__free) {
    if (!btf_) base::fail_errno(Code::OperationUnsupported, "the kernel does not tell the types it is made of");
  }

  int number(const char* name, unsigned kind) const {
    const int found = btf__find_by_name_kind(btf_.get(), name, kind);
    if (found < 0) base::fail(Code::OperationUnsupported, "the kernel has no '", name, "'");
    return found;
  }

  const btf_member* find(const char* structure, const char* member) const {
    const btf_type* type = btf__type_by_id(btf_.get(), static_cast<__u32>(number(structure, BTF_KIND_STRUCT)));
    const btf_member* members = btf_members(type);
    const auto named = [&](const btf_member& one) {
      return std::string_view(btf__name_by_offset(btf_.get(), one.name_off)) == member;
    };
    const btf_member* found = std::find_if(members, members + btf_vlen(type), named);
    return found == members + btf_vlen(type) ? nullptr : found;
  }

  int offset(const char* structure, const char* member) const {
    const btf_member* found = find(structure, member);
    if (!found) base::fail(Code::OperationUnsupported, "the kernel's struct ", structure, " has no '", member, "'");
    return static_cast<int>(found->offset / 8);
  }

 private:
  std::unique_ptr<btf, decltype(&btf__free)> btf_;
};

Layout read_layout() {
  const KernelTypes types;
  Layout layout{};
  layout.iterator = types.number("bpf_iter_cgroup", BTF_KIND_FUNC);
  layout.per_cpu_variable = types.number("runqueues", BTF_KIND_VAR);
  const bool apart = types.find("cgroup", "rstat_base_cpu") != nullptr;  // since 6.16
  const char* figures = apart ? "cgroup_rstat_base_cpu" : "cgroup_rstat_cpu";
  layout.cpus_of_group = types.offset("cgroup", apart ? "rstat_base_cpu" : "rstat_cpu");
  layout.all_below = types.find(figures, "subtree_bstat") != nullptr;  // since 6.6
  layout.time_of_cpu = types.offset(figures, layout.all_below ? "subtree_bstat" : "bstat") +
                       types.offset("cgroup_base_stat", "cputime") + types.offset("task_cputime", "sum_exec_runtime");
  return layout;
}

/// An instruction and the half that follows it: the address that the kernel puts in for `value` of that `kind`.
std::array<bpf_insn, 2> load_address(unsigned destination, unsigned kind, int value) {
  return {bpf::code(BPF_LD | BPF_DW | BPF_IMM, destination, kind, 0, value), {}};  // NOLINT(misc-redundant-expression)
}

/// For each group it is called with, adds each CPU's time to that CPU's number in the map `sums`.
/// r6: the group's figures, at the address that stands for every CPU's copy; r9: the CPU.
std::vector<bpf_insn> make_program(const Layout& layout, int sums, int cpus) {
  constexpr int kGroup = 8;     // in struct bpf_iter__cgroup
  constexpr int kScratch = -8;  // on the stack
  std::vector<bpf_insn> program;
  std::vector<std::size_t> leaving;  // jumps to the end
  const auto add = [&](const auto& code) { program.insert(program.end(), code.begin(), code.end()); };
  const auto leave_if = [&](unsigned comparison) {  // with nothing, of r0
    leaving.push_back(program.size());
    program.push_back(bpf::code(BPF_JMP | comparison | BPF_K, BPF_REG_0, 0, 0, 0));
  };
  const auto read_kernel_at_r3_into_r1 = [&] {
    add(std::array{bpf::move(BPF_REG_1, BPF_REG_10), bpf::compute(BPF_ADD, BPF_REG_1, kScratch),
                   bpf::set(BPF_REG_2, sizeof(std::uint64_t)), bpf::call(BPF_FUNC_probe_read_kernel)});
    leave_if(BPF_JNE);
    program.push_back(bpf::load(BPF_DW, BPF_REG_1, BPF_REG_10, kScratch));
  };

  program.push_back(bpf::load(BPF_DW, BPF_REG_0, BPF_REG_1, kGroup));
  leave_if(BPF_JEQ);  // the walk is over
  add(std::array{bpf::move(BPF_REG_3, BPF_REG_0), bpf::compute(BPF_ADD, BPF_REG_3, layout.cpus_of_group)});
  read_kernel_at_r3_into_r1();
  add(std::array{bpf::move(BPF_REG_6, BPF_REG_1), bpf::set(BPF_REG_9, 0)});

  const std::size_t each_cpu = program.size();
  // This CPU's copy of a variable tells how far its copies are from the addresses that stand for them all.
  add(load_address(BPF_REG_1, BPF_PSEUDO_BTF_ID, layout.per_cpu_variable));
  add(std::array{bpf::move(BPF_REG_7, BPF_REG_1), bpf::move(BPF_REG_2, BPF_REG_9), bpf::call(BPF_FUNC_per_cpu_ptr)});
  leave_if(BPF_JEQ);
  add(std::array{bpf::move(BPF_REG_3, BPF_REG_0), bpf::compute_with(BPF_SUB, BPF_REG_3, BPF_REG_7),
                 bpf::compute_with(BPF_ADD, BPF_REG_3, BPF_REG_6),
                 bpf::compute(BPF_ADD, BPF_REG_3, layout.time_of_cpu)});
  read_kernel_at_r3_into_r1();
  add(load_address(BPF_REG_2, BPF_PSEUDO_MAP_VALUE, sums));
  add(std::array{bpf::move(BPF_REG_3, BPF_REG_9), bpf::compute(BPF_LSH, BPF_REG_3, 3),
                 bpf::compute_with(BPF_ADD, BPF_REG_2, BPF_REG_3), bpf::load(BPF_DW, BPF_REG_4, BPF_REG_2, 0),
                 bpf::compute_with(BPF_ADD, BPF_REG_4, BPF_REG_1),
                 bpf::code(BPF_STX | BPF_MEM | BPF_DW, BPF_REG_2, BPF_REG_4, 0, 0),
                 bpf::compute(BPF_ADD, BPF_REG_9, 1)});
  const int back = static_cast<int>(each_cpu) - static_cast<int>(program.size()) - 1;
  program.push_back(bpf::code(BPF_JMP | BPF_JLT | BPF_K, BPF_REG_9, 0, back, cpus));
  for (const auto at : leaving) program[at].off = static_cast<__s16>(program.size() - at - 1);
  add(std::array{bpf::set(BPF_REG_0, 0), bpf::exit()});
  return program;
}

/// Calls `program` for the group, or for it and each below it.
void run_for(const Directory& directory, int program, bpf_cgroup_iter_order order) {
  const base::Fd group = directory.open_file(".", O_RDONLY | O_DIRECTORY);
  bpf_iter_link_info walk{};
  walk.cgroup.order = order;
  walk.cgroup.cgroup_fd = static_cast<__u32>(group.get());
  bpf_link_create_opts options{};
  options.sz = sizeof options;
  options.iter_info = &walk;
  options.iter_info_len = sizeof walk;
  const base::Fd link(bpf_link_create(program, 0, BPF_TRACE_ITER, &options));
  const base::Fd iterator(link ? bpf_iter_create(link.get()) : -1);
  char none;  // the program prints nothing
  ssize_t got = -1;
  if (iterator) do
      got = ::read(iterator.get(), &none, sizeof none);
    while (got < 0 && errno == EINTR);
  if (got != 0) base::fail_errno(Code::OperationUnsupported, "cannot walk cgroup '", directory.path(), "'");
}

}  // namespace

std::vector<std::uint64_t> read_per_cpu_time(const Directory& directory) {
  static const Layout layout = read_layout();
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) base::fail_errno_value(-cpus, Code::SystemError, "cannot count the processors");
  std::vector<std::uint64_t> times(static_cast<std::size_t>(cpus));
  const base::Fd sums(bpf_map_create(BPF_MAP_TYPE_ARRAY, "lxcell_percpu", sizeof(std::uint32_t),
                                     static_cast<__u32>(times.size() * sizeof times[0]), 1, nullptr));
  if (!sums) base::fail_errno(Code::OperationUnsupported, "cannot make a BPF map");
  const auto code = make_program(layout, sums.get(), cpus);
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = BPF_TRACE_ITER;
  options.attach_btf_id = static_cast<__u32>(layout.iterator);
  // The helper that reads the kernel's memory is for programs under the GPL, which the LGPL allows (section 3).
  const base::Fd program(
      bpf_prog_load(BPF_PROG_TYPE_TRACING, "lxcell_percpu", "GPL", code.data(), code.size(), &options));
  if (!program) base::fail_errno(Code::OperationUnsupported, "cannot load the program that reads time by CPU");

  // Reading cpu.stat also makes the kernel add up what it has counted since it was last asked.
  const std::uint64_t whole = value_of(directory.read("cpu.stat").value_or(""), "usage_usec").value_or(0) * 1000;
  run_for(directory, program.get(), layout.all_below ? BPF_CGROUP_ITER_SELF_ONLY : BPF_CGROUP_ITER_DESCENDANTS_PRE);
  const std::uint32_t first = 0;
  if (bpf_map_lookup_elem(sums.get(), &first, times.data()) != 0)
    base::fail_errno(Code::SystemError, "cannot read a BPF map");
  if (std::accumulate(times.begin(), times.end(), std::uint64_t{0}) < whole)
    base::fail(Code::OperationUnsupported, "the kernel no longer knows on which CPU groups below cgroup '",
               directory.path(), "' ran that are gone by now");
  return times;
}

}  // namespace cgroup
