#include "cgroup/device_policy.hpp"

#include <bpf/bpf.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <string_view>
#include <tuple>

#include "base/bpf_code.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "cgroup/text.hpp"

namespace cgroup {
namespace {

namespace bpf = base::bpf;

constexpr std::string_view kLetters = "rwm";
using Key = std::tuple<char, int, int>;

/// One bit per letter of kLetters.
unsigned access_bits(const std::string& access) {
  unsigned bits = 0;
  for (const char letter : access) {
    const auto at = kLetters.find(letter);
    if (at == kLetters.npos) base::fail(base::Code::InvalidArg, "unknown device access '", access, "'");
    bits |= 1U << at;
  }
  return bits;
}

std::string access_text(unsigned bits) {
  std::string text;
  for (std::size_t i = 0; i < kLetters.size(); ++i)
    if (bits & (1U << i)) text += kLetters[i];
  return text;
}

std::map<Key, unsigned> by_device(const DeviceRules& rules) {
  std::map<Key, unsigned> access;
  for (const auto& rule : rules) {
    if (rule.type != 'c' && rule.type != 'b')
      base::fail(base::Code::InvalidArg, "unknown device type '", rule.type, "'");
    access[{rule.type, rule.major, rule.minor}] |= access_bits(rule.access);
  }
  return access;
}

DeviceRules rules_of(const std::map<Key, unsigned>& access) {
  DeviceRules rules;
  for (const auto& [key, bits] : access)
    if (bits) rules.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), access_text(bits)});
  return rules;
}

/// What `from` has that `other` has not.
DeviceRules without(const std::map<Key, unsigned>& from, const std::map<Key, unsigned>& other) {
  auto rest = from;
  for (auto& [key, bits] : rest)
    if (const auto same = other.find(key); same != other.end()) bits &= ~same->second;
  return rules_of(rest);
}

int parse_device_number(const std::string& text) {
  const auto number = parse_number(text);
  return number ? static_cast<int>(*number) : -1;
}

// The program, in registers: r2 device type, r3 access asked for, r4 major, r5 minor (struct bpf_cgroup_dev_ctx), r1
// scratch.

bpf_insn load_word(unsigned destination, int offset) {
  return bpf::load(BPF_W, destination, BPF_REG_1, offset);
}
bpf_insn compute(unsigned operation, unsigned destination, int value) {
  return bpf::code(BPF_ALU | operation | BPF_K, destination, 0, 0, value);
}
/// The jump's distance is filled in when the rule is complete.
bpf_insn skip_unless(unsigned reg, int value) {
  return bpf::code(BPF_JMP | BPF_JNE | BPF_K, reg, 0, 0, value);
}

int kernel_access(const std::string& access) {
  int bits = 0;
  if (access.find('m') != access.npos) bits |= BPF_DEVCG_ACC_MKNOD;
  if (access.find('r') != access.npos) bits |= BPF_DEVCG_ACC_READ;
  if (access.find('w') != access.npos) bits |= BPF_DEVCG_ACC_WRITE;
  return bits;
}

void add_rule(const DeviceRule& rule, std::vector<bpf_insn>& program) {
  std::vector<bpf_insn> code;
  code.push_back(skip_unless(BPF_REG_2, rule.type == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK));
  if (rule.major >= 0) code.push_back(skip_unless(BPF_REG_4, rule.major));
  if (rule.minor >= 0) code.push_back(skip_unless(BPF_REG_5, rule.minor));
  // Anything asked for beyond what the rule gives means it does not apply.
  code.push_back(bpf::move(BPF_REG_1, BPF_REG_3));
  code.push_back(compute(BPF_AND, BPF_REG_1, ~kernel_access(rule.access)));
  code.push_back(skip_unless(BPF_REG_1, 0));
  code.push_back(bpf::set(BPF_REG_0, 1));
  code.push_back(bpf::exit());
  for (std::size_t i = 0; i < code.size(); ++i)
    if (code[i].code == (BPF_JMP | BPF_JNE | BPF_K)) code[i].off = static_cast<__s16>(code.size() - i - 1);
  program.insert(program.end(), code.begin(), code.end());
}

/// Denying reaches the children by itself, allowing has to be said at every level from the top.
void apply_device_change(const Directory& directory, const DeviceChange& change) {
  for (const auto& rule : change.deny) directory.write("devices.deny", format_rule(rule));
  for (const auto& rule : change.allow) directory.write("devices.allow", format_rule(rule));
  for (const auto& name : directory.children())
    if (const auto below = directory.child(name)) apply_device_change(*below, {{}, change.allow});
}

/// The program we put on this very cgroup, if any: nobody else attaches to a container's own directory.
base::Fd attached_program(int cgroup) {
  __u32 flags = 0, ids[16] = {}, count = 16;
  if (bpf_prog_query(cgroup, BPF_CGROUP_DEVICE, 0, &flags, ids, &count) < 0 || count == 0) return {};
  return base::Fd(bpf_prog_get_fd_by_id(ids[0]));
}

}  // namespace

DeviceRules merge_rules(const DeviceRules& rules) {
  return rules_of(by_device(rules));
}

std::string format_rule(const DeviceRule& rule) {
  const auto number = [](int value) { return value < 0 ? std::string("*") : std::to_string(value); };
  return std::string(1, rule.type) + " " + number(rule.major) + ":" + number(rule.minor) + " " + rule.access;
}

DeviceRules parse_device_list(const std::string& text) {
  DeviceRules rules;
  for (const auto& line : split(text, "\n")) {
    const auto fields = split(line, " :");
    if (fields.size() != 4) continue;
    for (const char type : fields[0] == "a" ? std::string("bc") : fields[0])
      rules.push_back({type, parse_device_number(fields[1]), parse_device_number(fields[2]), fields[3]});
  }
  return rules;
}

DeviceChange device_change(const DeviceRules& now, const DeviceRules& wanted) {
  const auto have = by_device(now), want = by_device(wanted);
  return {without(have, want), without(want, have)};
}

std::vector<bpf_insn> device_program(const DeviceRules& rules) {
  std::vector<bpf_insn> program = {
      load_word(BPF_REG_2, offsetof(bpf_cgroup_dev_ctx, access_type)),
      load_word(BPF_REG_4, offsetof(bpf_cgroup_dev_ctx, major)),
      load_word(BPF_REG_5, offsetof(bpf_cgroup_dev_ctx, minor)),
      bpf::move(BPF_REG_3, BPF_REG_2),
      compute(BPF_AND, BPF_REG_2, 0xFFFF),
      compute(BPF_RSH, BPF_REG_3, 16),
  };
  for (const auto& rule : merge_rules(rules)) add_rule(rule, program);
  program.push_back(bpf::set(BPF_REG_0, 0));
  program.push_back(bpf::exit());
  return program;
}

void start_device_list(const Directory& directory, const DeviceRules& rules) {
  directory.write("devices.deny", "a");
  const base::Fd allow = directory.open_file("devices.allow", O_WRONLY);
  const std::string path = directory.path() + "/devices.allow";
  for (const auto& rule : merge_rules(rules)) {
    const std::string line = format_rule(rule);
    base::write_all(allow.get(), line.data(), line.size(), path);
  }
}

void change_device_list(const Directory& directory, const DeviceRules& rules) {
  const auto now = parse_device_list(directory.read("devices.list").value_or(""));
  apply_device_change(directory, device_change(now, rules));
}

void attach_device_program(const Directory& directory, const DeviceRules& rules) {
  const auto program = device_program(rules);
  const base::Fd loaded(
      bpf_prog_load(BPF_PROG_TYPE_CGROUP_DEVICE, "lxcell_devices", "LGPL", program.data(), program.size(), nullptr));
  if (!loaded)
    base::fail_errno(base::Code::SystemError, "cannot load the device program for cgroup '", directory.path(), "'");
  const base::Fd cgroup = directory.open_file(".", O_RDONLY | O_DIRECTORY);
  const base::Fd before = attached_program(cgroup.get());
  struct bpf_prog_attach_opts options {};
  options.sz = sizeof options;
  options.flags = BPF_F_ALLOW_MULTI | (before ? BPF_F_REPLACE : 0U);  // multi: the container may attach its own below
  options.replace_prog_fd = before ? before.get() : 0;
  if (bpf_prog_attach_opts(loaded.get(), cgroup.get(), BPF_CGROUP_DEVICE, &options) < 0)
    base::fail_errno(base::Code::SystemError, "cannot attach the device program to cgroup '", directory.path(), "'");
}

}  // namespace cgroup
