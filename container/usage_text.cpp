#include "container/usage_text.hpp"

#include <algorithm>

namespace container {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kTick = 10'000'000;  // of USER_HZ
constexpr unsigned kMostCpus = 8192;         // CONFIG_NR_CPUS at its most
constexpr std::uint64_t kSampleSeconds = 5, kCountHolds = 60;
constexpr std::uint64_t kMostTasks = 2048;  // in an average: beyond, fixed point would overflow
constexpr std::uint64_t kDiskstatsSector = 512;

void add_padded(TextWindow& out, std::uint64_t number) {
  if (number < 10) out.add("0");
  out.add_number(number);
}

void add_field(TextWindow& out, std::uint64_t number) {
  out.add(" ");
  out.add_number(number);
}

/// user nice system idle iowait irq softirq steal guest guest_nice
void add_times(TextWindow& out, const CpuUse& use, std::uint64_t idle) {
  add_field(out, use.user / kTick);
  out.add(" 0");
  add_field(out, use.system / kTick);
  add_field(out, idle / kTick);
  out.add(" 0 0 0 0 0 0\n");
}

/// exp(-seconds / 60, 300, 900) in 32 bits behind the point.
constexpr std::uint64_t kDecay[] = {4223977731, 4280674573, 4290197760};
std::uint64_t times(std::uint64_t a, std::uint64_t b) {
  return a * b >> 32;
}
std::uint64_t decay(int index, std::uint64_t seconds) {
  std::uint64_t result = kNoLimit >> 32, power = kDecay[index];
  for (; seconds > 0 && result > 0; seconds >>= 1, power = times(power, power))
    if ((seconds & 1) != 0) result = times(result, power);
  return result;
}

void add_load(TextWindow& out, std::uint64_t load) {
  load += LoadAverage::kOne / 200;
  out.add_number(load / LoadAverage::kOne);
  out.add(".");
  add_padded(out, load % LoadAverage::kOne * 100 / LoadAverage::kOne);
  out.add(" ");
}

struct DiskUse {
  std::uint64_t reads = 0, read_bytes = 0, writes = 0, written_bytes = 0, discards = 0, discarded_bytes = 0;
};

/// The number behind `key`, which ends in "=".
bool value_of(std::string_view line, std::string_view key, std::uint64_t& number) {
  for (; line.size() > key.size(); line.remove_prefix(1)) {
    if (line[0] != ' ' || !begins_with(part(line, 1, line.size() - 1), key)) continue;
    line.remove_prefix(key.size() + 1);
    return cut_number(line, number);
  }
  return false;
}

/// What follows the number of the device on a line that begins with it.
bool is_of_device(std::string_view& line, std::uint64_t major, std::uint64_t minor) {
  std::uint64_t number = 0;
  if (!cut_number(line, number) || number != major || line.empty() || line[0] != ':') return false;
  line.remove_prefix(1);
  return cut_number(line, number) && number == minor;
}

DiskUse use_v2(std::string_view text, std::uint64_t major, std::uint64_t minor) {
  DiskUse use;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (!is_of_device(line, major, minor)) continue;
    value_of(line, "rios=", use.reads), value_of(line, "rbytes=", use.read_bytes);
    value_of(line, "wios=", use.writes), value_of(line, "wbytes=", use.written_bytes);
    value_of(line, "dios=", use.discards), value_of(line, "dbytes=", use.discarded_bytes);
  }
  return use;
}

void take_v1(std::string_view text, std::uint64_t major, std::uint64_t minor, std::uint64_t& read,
             std::uint64_t& written, std::uint64_t& discarded) {
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (!is_of_device(line, major, minor)) continue;
    for (const auto& [word, value] : {std::pair<std::string_view, std::uint64_t*>{" Read", &read},
                                      {" Write", &written},
                                      {" Discard", &discarded}}) {
      if (!begins_with(line, word)) continue;
      line.remove_prefix(word.size());
      cut_number(line, *value);
      break;
    }
  }
}

}  // namespace

bool take_cpu_line(std::string_view line, std::uint64_t& cpu, CpuUse& use) {
  return cut_number(line, cpu) && cut_number(line, use.user) && cut_number(line, use.system);
}

CpuUse parse_cpu_stat(std::string_view text) {
  const auto nanoseconds = [&](std::string_view key) {
    const std::uint64_t value = stat_value(text, key);
    return value > kNoLimit / 1000 ? 0 : value * 1000;
  };
  return {nanoseconds("user_usec"), nanoseconds("system_usec")};
}

bool CpuList::next(std::uint64_t& cpu) {
  if (given_ == kMostCpus) return false;
  if (inside_ && at_ < last_) {
    at_++;
  } else {
    if (inside_) {
      if (rest_.empty() || rest_[0] != ',') return false;
      rest_.remove_prefix(1);
    }
    if (!cut_number(rest_, at_)) return false;
    last_ = at_;
    inside_ = true;
    if (!rest_.empty() && rest_[0] == '-') {
      rest_.remove_prefix(1);
      if (!cut_number(rest_, last_)) last_ = at_;
    }
  }
  given_++;
  cpu = at_;
  return true;
}

std::uint64_t count_cpus(std::string_view list) {
  CpuList cpus(list);
  std::uint64_t count = 0, cpu = 0;
  while (cpus.next(cpu)) count++;
  return count;
}

CpuUse share_of(const CpuUse& total, std::uint64_t count, std::uint64_t index) {
  const auto share = [&](std::uint64_t whole) { return whole / count + (index < whole % count ? 1 : 0); };
  return count == 0 ? CpuUse{} : CpuUse{share(total.user), share(total.system)};
}

std::uint64_t idle_of(const CpuUse& use, std::uint64_t present) {
  return minus(present, plus(use.user, use.system));
}

void write_uptime(TextWindow& out, std::uint64_t nanoseconds, std::uint64_t idle) {
  const auto add = [&](std::uint64_t time, std::string_view end) {
    out.add_number(time / kSecond);
    out.add(".");
    add_padded(out, time % kSecond / kTick);
    out.add(end);
  };
  add(nanoseconds, " ");
  add(idle, "\n");
}

void write_cpu_total(TextWindow& out, const CpuUse& use, std::uint64_t idle) {
  out.add("cpu ");
  add_times(out, use, idle);
}

void write_cpu(TextWindow& out, std::uint64_t cpu, const CpuUse& use, std::uint64_t present) {
  out.add("cpu");
  out.add_number(cpu);
  add_times(out, use, idle_of(use, present));
}

void write_stat_rest(TextWindow& out, std::uint64_t started, const TaskCount& tasks) {
  out.add("intr 0\nctxt 0\nbtime");
  add_field(out, started);
  out.add("\nprocesses");
  add_field(out, tasks.newest);
  out.add("\nprocs_running");
  add_field(out, tasks.running);
  out.add("\nprocs_blocked");
  add_field(out, tasks.blocked);
  out.add("\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n");
}

bool LoadAverage::is_due(std::uint64_t now) const {
  return minus(now, at_) >= kSampleSeconds * kSecond;
}

void LoadAverage::advance(std::uint64_t seconds, std::uint64_t load) {
  for (int i = 0; i < 3; i++) {
    const std::uint64_t kept = decay(i, seconds);
    averages_[i] = times(averages_[i], kept) + times(load, (kNoLimit >> 32) - kept);
  }
}

void LoadAverage::add(std::uint64_t now, std::uint64_t used, std::uint64_t tasks) {
  if (!is_due(now)) return;
  const std::uint64_t seconds = minus(now, at_) / kSecond, elapsed = minus(now, at_) / kMillisecond;
  const std::uint64_t busy = std::min(minus(used, used_) / kMillisecond, kNoLimit / kOne);
  const std::uint64_t mean = std::min(busy * kOne / elapsed, kMostTasks * kOne);
  const std::uint64_t recent = std::min(seconds, kCountHolds);
  advance(seconds - recent, mean);
  advance(recent, std::max(mean, std::min(tasks, kMostTasks) * kOne));
  at_ += seconds * kSecond;
  used_ = used;
}

void write_loadavg(TextWindow& out, const LoadAverage& load, const TaskCount& tasks) {
  for (int i = 0; i < 3; i++) add_load(out, load.minutes(i));
  out.add_number(tasks.running);
  out.add("/");
  out.add_number(tasks.total);
  add_field(out, tasks.newest);
  out.add("\n");
}

void write_disk(TextWindow& out, std::string_view host_line, const DiskTexts& texts) {
  std::string_view rest = host_line;
  std::uint64_t major = 0, minor = 0;
  if (!cut_number(rest, major) || !cut_number(rest, minor)) return;
  std::size_t name = 0;
  while (name < rest.size() && is_blank(rest[name])) name++;
  while (name < rest.size() && !is_blank(rest[name]) && rest[name] != '\n') name++;
  DiskUse use;
  if (texts.version == 1) {
    take_v1(texts.stat, major, minor, use.read_bytes, use.written_bytes, use.discarded_bytes);
    take_v1(texts.count, major, minor, use.reads, use.writes, use.discards);
  } else {
    use = use_v2(texts.stat, major, minor);
  }
  if ((use.reads | use.read_bytes | use.writes | use.written_bytes | use.discards | use.discarded_bytes) == 0) return;
  out.add(part(host_line, 0, host_line.size() - rest.size() + name));
  // operations, merged ones, sectors, milliseconds
  const auto add = [&](std::uint64_t count, std::uint64_t bytes) {
    add_field(out, count);
    out.add(" 0");
    add_field(out, bytes / kDiskstatsSector);
    out.add(" 0");
  };
  add(use.reads, use.read_bytes);
  add(use.writes, use.written_bytes);
  out.add(" 0 0 0");  // under way, milliseconds, the same weighted
  add(use.discards, use.discarded_bytes);
  out.add(" 0 0\n");  // flushes
}

}  // namespace container
