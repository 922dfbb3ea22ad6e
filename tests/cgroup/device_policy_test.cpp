#include "cgroup/device_policy.hpp"

#include <gmock/gmock.h>

#include <array>
#include <stdexcept>

#include "base/error.hpp"

namespace cgroup {
namespace {

/// Enough of the BPF machine to run a device program, independent of how the program was made.
int run(const std::vector<bpf_insn>& program, const bpf_cgroup_dev_ctx& context) {
  std::array<std::uint64_t, 11> r{};
  for (std::size_t at = 0; at < program.size(); ++at) {
    const bpf_insn& i = program[at];
    const auto k = static_cast<std::uint64_t>(static_cast<std::int64_t>(i.imm));
    switch (i.code) {
      case BPF_LDX | BPF_MEM | BPF_W:
        if (i.src_reg != 1) throw std::runtime_error("load from other than the context");
        r[i.dst_reg] = i.off == 0 ? context.access_type : i.off == 4 ? context.major : context.minor;
        break;
      case BPF_ALU64 | BPF_MOV | BPF_X:
        r[i.dst_reg] = r[i.src_reg];
        break;
      case BPF_ALU64 | BPF_MOV | BPF_K:
        r[i.dst_reg] = k;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        r[i.dst_reg] = static_cast<std::uint32_t>(r[i.dst_reg] & k);
        break;
      case BPF_ALU | BPF_RSH | BPF_K:
        r[i.dst_reg] = static_cast<std::uint32_t>(r[i.dst_reg]) >> i.imm;
        break;
      case BPF_JMP | BPF_JNE | BPF_K:
        if (r[i.dst_reg] != k) at += static_cast<std::size_t>(i.off);
        break;
      case BPF_JMP | BPF_EXIT:
        return static_cast<int>(r[0]);
      default:
        throw std::runtime_error("unknown instruction");
    }
  }
  throw std::runtime_error("ran off the end");
}

bpf_cgroup_dev_ctx ask(char type, std::uint32_t major, std::uint32_t minor, unsigned access) {
  bpf_cgroup_dev_ctx context{};
  context.access_type = access << 16 | (type == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK);
  context.major = major;
  context.minor = minor;
  return context;
}

constexpr unsigned kM = BPF_DEVCG_ACC_MKNOD, kR = BPF_DEVCG_ACC_READ, kW = BPF_DEVCG_ACC_WRITE;

/// What the list means, said directly: some one rule covers the device and all of the access.
bool allowed(const DeviceRules& rules, char type, int major, int minor, unsigned access) {
  for (const auto& rule : merge_rules(rules)) {
    unsigned given = 0;
    for (const char letter : rule.access) given |= letter == 'm' ? kM : letter == 'r' ? kR : kW;
    if (rule.type == type && (rule.major < 0 || rule.major == major) && (rule.minor < 0 || rule.minor == minor) &&
        (access & ~given) == 0)
      return true;
  }
  return false;
}

TEST(DevicePolicy, ProgramMeansWhatTheListSays) {
  const std::vector<DeviceRules> lists = {
      {},
      {{'c', 1, 3, "rwm"}},
      {{'c', 1, 3, "r"}, {'c', 1, 3, "w"}},
      {{'c', 1, -1, "r"}, {'b', -1, -1, "m"}, {'c', -1, 2, "w"}},
      {{'b', 2, 2, "rw"}, {'c', 2, 2, "m"}, {'c', -1, -1, "m"}},
      {{'c', -1, -1, "rwm"}, {'b', -1, -1, "rwm"}},
  };
  for (const auto& rules : lists) {
    const auto program = device_program(rules);
    for (const char type : {'b', 'c'})
      for (int major = 0; major < 4; ++major)
        for (int minor = 0; minor < 4; ++minor)
          for (unsigned access = 0; access < 8; ++access)
            ASSERT_EQ(run(program, ask(type, major, minor, access)), allowed(rules, type, major, minor, access) ? 1 : 0)
                << type << " " << major << ":" << minor << " access " << access << " of " << rules.size() << " rules";
  }
}

TEST(DevicePolicy, DefaultListOfAContainer) {
  const auto program = device_program({{'c', 1, 3, "rwm"}, {'c', 5, 2, "rwm"}, {'c', 136, -1, "rwm"}});
  EXPECT_EQ(run(program, ask('c', 1, 3, kR | kW)), 1);
  EXPECT_EQ(run(program, ask('c', 136, 77, kR | kW)), 1);
  EXPECT_EQ(run(program, ask('c', 1, 1, kR)), 0) << "/dev/mem";
  EXPECT_EQ(run(program, ask('b', 1, 3, kR)), 0) << "another type with the same number";
}

TEST(DevicePolicy, G12_GrantsOfOneDeviceAddUp) {
  EXPECT_EQ(merge_rules({{'c', 1, 3, "wr"}, {'b', 8, 0, "r"}, {'c', 1, 3, "m"}, {'c', 9, 9, ""}}),
            (DeviceRules{{'b', 8, 0, "r"}, {'c', 1, 3, "rwm"}}));
}

TEST(DevicePolicy, UnknownLettersAreRefused) {
  EXPECT_THROW(merge_rules({{'c', 1, 3, "rx"}}), base::Error);
  EXPECT_THROW(device_program({{'p', 1, 3, "r"}}), base::Error);
}

TEST(DevicePolicy, ListText) {
  EXPECT_EQ(format_rule({'c', 136, -1, "rw"}), "c 136:* rw");
  EXPECT_EQ(format_rule({'b', -1, -1, "m"}), "b *:* m");
  EXPECT_EQ(parse_device_list("c 1:3 rwm\nb *:* m\n"), (DeviceRules{{'c', 1, 3, "rwm"}, {'b', -1, -1, "m"}}));
  EXPECT_EQ(parse_device_list("a *:* rwm\n"), (DeviceRules{{'b', -1, -1, "rwm"}, {'c', -1, -1, "rwm"}}));
  EXPECT_TRUE(parse_device_list("").empty());
  EXPECT_TRUE(parse_device_list("rubbish\n\n").empty());
}

TEST(DevicePolicy, ChangeNamesOnlyTheDifference) {
  const DeviceRules now = {{'c', 1, 3, "rwm"}, {'c', 5, 0, "rw"}, {'b', 8, 0, "rwm"}};
  const DeviceRules wanted = {{'c', 1, 3, "rwm"}, {'c', 5, 0, "rm"}, {'c', 10, 229, "rw"}};
  const DeviceChange change = device_change(now, wanted);
  EXPECT_EQ(change.deny, (DeviceRules{{'b', 8, 0, "rwm"}, {'c', 5, 0, "w"}}));
  EXPECT_EQ(change.allow, (DeviceRules{{'c', 5, 0, "m"}, {'c', 10, 229, "rw"}}));
  EXPECT_EQ(device_change(now, now), DeviceChange{});
}

}  // namespace
}  // namespace cgroup
