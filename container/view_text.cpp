#include "container/view_text.hpp"

#include <algorithm>
#include <cstring>

namespace container {
namespace {

constexpr std::uint64_t kKib = 1024;
constexpr std::size_t kSwapNameWidth = 40;  // of the first column of /proc/swaps

struct StatName {
  MemoryStat stat;
  std::string_view v2, v1;  // v1: empty where it has no such figure
};
constexpr StatName kStatNames[] = {
    {MemoryStat::Anon, "anon", "total_rss"},
    {MemoryStat::AnonThp, "anon_thp", "total_rss_huge"},
    {MemoryStat::File, "file", "total_cache"},
    {MemoryStat::FileThp, "file_thp", ""},
    {MemoryStat::FileMapped, "file_mapped", "total_mapped_file"},
    {MemoryStat::FileDirty, "file_dirty", "total_dirty"},
    {MemoryStat::FileWriteback, "file_writeback", "total_writeback"},
    {MemoryStat::Shmem, "shmem", "total_shmem"},
    {MemoryStat::ShmemThp, "shmem_thp", ""},
    {MemoryStat::SwapCached, "swapcached", "total_swapcached"},
    {MemoryStat::ActiveAnon, "active_anon", "total_active_anon"},
    {MemoryStat::InactiveAnon, "inactive_anon", "total_inactive_anon"},
    {MemoryStat::ActiveFile, "active_file", "total_active_file"},
    {MemoryStat::InactiveFile, "inactive_file", "total_inactive_file"},
    {MemoryStat::Unevictable, "unevictable", "total_unevictable"},
    {MemoryStat::SlabReclaimable, "slab_reclaimable", ""},
    {MemoryStat::SlabUnreclaimable, "slab_unreclaimable", ""},
    {MemoryStat::KernelStack, "kernel_stack", ""},
    {MemoryStat::PageTables, "pagetables", ""},
    {MemoryStat::SecPageTables, "sec_pagetables", ""},
    {MemoryStat::PerCpu, "percpu", ""},
    {MemoryStat::Zswap, "zswap", ""},
    {MemoryStat::Zswapped, "zswapped", ""},
};

/// Lines of meminfo that are one figure of memory.stat, or the sum of two.
struct StatLine {
  std::string_view key;
  MemoryStat first, second;  // the same twice: counted once
};
constexpr StatLine kStatLines[] = {
    {"Cached", MemoryStat::File, MemoryStat::File},
    {"SwapCached", MemoryStat::SwapCached, MemoryStat::SwapCached},
    {"Active", MemoryStat::ActiveAnon, MemoryStat::ActiveFile},
    {"Inactive", MemoryStat::InactiveAnon, MemoryStat::InactiveFile},
    {"Active(anon)", MemoryStat::ActiveAnon, MemoryStat::ActiveAnon},
    {"Inactive(anon)", MemoryStat::InactiveAnon, MemoryStat::InactiveAnon},
    {"Active(file)", MemoryStat::ActiveFile, MemoryStat::ActiveFile},
    {"Inactive(file)", MemoryStat::InactiveFile, MemoryStat::InactiveFile},
    {"Unevictable", MemoryStat::Unevictable, MemoryStat::Unevictable},
    {"Mlocked", MemoryStat::Unevictable, MemoryStat::Unevictable},
    {"Zswap", MemoryStat::Zswap, MemoryStat::Zswap},
    {"Zswapped", MemoryStat::Zswapped, MemoryStat::Zswapped},
    {"Dirty", MemoryStat::FileDirty, MemoryStat::FileDirty},
    {"Writeback", MemoryStat::FileWriteback, MemoryStat::FileWriteback},
    {"AnonPages", MemoryStat::Anon, MemoryStat::Anon},
    {"Mapped", MemoryStat::FileMapped, MemoryStat::FileMapped},
    {"Shmem", MemoryStat::Shmem, MemoryStat::Shmem},
    {"KReclaimable", MemoryStat::SlabReclaimable, MemoryStat::SlabReclaimable},
    {"Slab", MemoryStat::SlabReclaimable, MemoryStat::SlabUnreclaimable},
    {"SReclaimable", MemoryStat::SlabReclaimable, MemoryStat::SlabReclaimable},
    {"SUnreclaim", MemoryStat::SlabUnreclaimable, MemoryStat::SlabUnreclaimable},
    {"KernelStack", MemoryStat::KernelStack, MemoryStat::KernelStack},
    {"PageTables", MemoryStat::PageTables, MemoryStat::PageTables},
    {"SecPageTables", MemoryStat::SecPageTables, MemoryStat::SecPageTables},
    {"Percpu", MemoryStat::PerCpu, MemoryStat::PerCpu},
    {"AnonHugePages", MemoryStat::AnonThp, MemoryStat::AnonThp},
    {"FileHugePages", MemoryStat::FileThp, MemoryStat::FileThp},
    {"ShmemHugePages", MemoryStat::ShmemThp, MemoryStat::ShmemThp},
};

/// The number on the line "key: number kB" of a meminfo, in bytes; 0 if there is none.
std::uint64_t meminfo_bytes(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (line.size() <= key.size() || !begins_with(line, key) || line[key.size()] != ':') continue;
    line.remove_prefix(key.size() + 1);
    std::uint64_t kib = 0;
    std::size_t end;
    return take_number(line, kib, end) ? std::min(kib, kNoLimit / kKib) * kKib : 0;
  }
  return 0;
}

struct Totals {
  std::uint64_t memory, swap;  // bytes: the limit, or what the host has if that is less
};

std::uint64_t figure(const MemoryFigures& figures, MemoryStat stat) {
  return figures.stat[static_cast<std::size_t>(stat)];
}

/// What the kernel could take back at once, as it counts for the host.
std::uint64_t reclaimable(const MemoryFigures& figures) {
  const std::uint64_t files = plus(figure(figures, MemoryStat::ActiveFile), figure(figures, MemoryStat::InactiveFile));
  return plus(files, figure(figures, MemoryStat::SlabReclaimable));
}

/// False where the host's line stands.
bool container_line(std::string_view key, const Totals& totals, const MemoryFigures& figures, std::uint64_t& bytes) {
  const std::uint64_t free = minus(totals.memory, figures.usage);
  if (key == "MemTotal") return bytes = totals.memory, true;
  if (key == "MemFree") return bytes = free, true;
  if (key == "MemAvailable") return bytes = std::min(totals.memory, plus(free, reclaimable(figures))), true;
  if (key == "Buffers") return bytes = 0, true;
  if (key == "SwapTotal") return bytes = totals.swap, figures.swap_known;
  if (key == "SwapFree") return bytes = minus(totals.swap, figures.swap_usage), figures.swap_known;
  for (const StatLine& line : kStatLines) {
    if (key != line.key) continue;
    bytes = figure(figures, line.first);
    if (line.second != line.first) bytes = plus(bytes, figure(figures, line.second));
    return true;
  }
  return false;
}

}  // namespace

void TextWindow::add(std::string_view text) {
  const std::uint64_t start = length_;
  length_ += text.size();
  if (length_ <= offset_ || size_ == capacity_) return;
  const auto skip = static_cast<std::size_t>(start < offset_ ? offset_ - start : 0);
  const std::size_t size = std::min(capacity_ - size_, text.size() - skip);
  std::memcpy(buffer_ + size_, text.data() + skip, size);
  size_ += size;
}

void TextWindow::add_number(std::uint64_t number, std::size_t width) {
  char digits[24];
  std::size_t at = sizeof digits;
  do {
    digits[--at] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  for (std::size_t size = sizeof digits - at; size < width; size++) add(" ");
  add({digits + at, sizeof digits - at});
}

std::uint64_t parse_limit(std::string_view text) {
  std::uint64_t number;
  std::size_t end;
  return take_number(text, number, end) ? number : kNoLimit;
}

std::uint64_t stat_value(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (line.size() <= key.size() || !begins_with(line, key) || line[key.size()] != ' ') continue;
    line.remove_prefix(key.size());
    return parse_limit(line);
  }
  return kNoLimit;
}

void take_memory_stat(MemoryFigures& figures, int version, std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    for (const StatName& name : kStatNames) {
      const std::string_view key = version == 1 ? name.v1 : name.v2;
      if (key.empty() || line.size() <= key.size() || line[key.size()] != ' ' || !begins_with(line, key)) continue;
      std::size_t end;
      std::uint64_t value;
      if (take_number(part(line, key.size(), line.size() - key.size()), value, end))
        figures.stat[static_cast<std::size_t>(name.stat)] = value;
    }
  }
}

void take_swap_v1(MemoryFigures& figures, std::uint64_t both_limit, std::uint64_t both_usage) {
  figures.swap_known = true;
  // What no machine has means none, and leaves nothing to subtract from.
  const bool limited = both_limit < kNoLimit / 4;
  figures.swap_limit = limited ? minus(both_limit, figures.limit) : kNoLimit;
  figures.swap_usage = minus(both_usage, figures.usage);
}

void write_meminfo(TextWindow& out, std::string_view host, const MemoryFigures& figures) {
  const Totals totals = {std::min(figures.limit, meminfo_bytes(host, "MemTotal")),
                         std::min(figures.swap_limit, meminfo_bytes(host, "SwapTotal"))};
  while (!host.empty()) {
    const std::string_view line = take_line(host);
    const void* colon = std::memchr(line.data(), ':', line.size());
    const std::size_t key =
        colon == nullptr ? 0 : static_cast<std::size_t>(static_cast<const char*>(colon) - line.data());
    std::uint64_t number, bytes;
    std::size_t end;
    const std::string_view rest = part(line, key + (key > 0), line.size() - key - (key > 0));
    if (!figures.known || key == 0 || !take_number(rest, number, end) ||
        !container_line(part(line, 0, key), totals, figures, bytes)) {
      out.add(line);
      continue;
    }
    out.add(part(line, 0, key + 1));
    out.add_number(bytes / kKib, end);
    out.add(part(rest, end, rest.size() - end));
  }
}

void write_swaps(TextWindow& out, std::string_view host, std::string_view host_meminfo, const MemoryFigures& figures) {
  if (!figures.swap_known) return out.add(host);
  out.add(take_line(host));
  const std::uint64_t total = std::min(figures.swap_limit, meminfo_bytes(host_meminfo, "SwapTotal"));
  if (total < kKib) return;
  constexpr std::string_view name = "none";
  out.add(name);
  for (std::size_t size = name.size(); size < kSwapNameWidth; size++) out.add(" ");
  out.add("virtual\t\t");
  out.add_number(total / kKib);
  out.add("\t\t");
  out.add_number(std::min(total, figures.swap_usage) / kKib);
  out.add("\t\t0\n");
}

bool list_has_cpu(std::string_view list, std::uint64_t cpu) {
  for (;;) {
    std::uint64_t first, last;
    std::size_t end;
    if (!take_number(list, first, end)) return false;
    last = first;
    list.remove_prefix(end);
    if (!list.empty() && list[0] == '-') {
      list.remove_prefix(1);
      if (!take_number(list, last, end)) return false;
      list.remove_prefix(end);
    }
    if (first <= cpu && cpu <= last) return true;
    if (list.empty() || list[0] != ',') return false;
    list.remove_prefix(1);
  }
}

void CpuinfoFilter::add(std::string_view piece) {
  while (!piece.empty() && !out_.full()) {
    std::string_view line = take_line(piece);
    if (deciding_) {
      const std::size_t size = std::min(line.size(), sizeof head_ - head_size_);
      std::memcpy(head_ + head_size_, line.data(), size);
      head_size_ += size;
      line.remove_prefix(size);
      if (head_size_ < sizeof head_ && head_[head_size_ - 1] != '\n') return;  // its rest comes with the next piece
      decide();
    }
    if (!dropping_) out_.add(line);
    const char last = line.empty() ? head_[head_size_ - 1] : line[line.size() - 1];
    if (last == '\n') deciding_ = true, head_size_ = 0;
  }
}

/// "processor : 3" (x86, arm) opens a block that an empty line ends; "processor 3: ..." (s390) is one by itself.
void CpuinfoFilter::decide() {
  constexpr std::string_view word = "processor";
  std::string_view head(head_, head_size_);
  deciding_ = false;
  const bool blank = head == "\n";
  if (begins_with(head, word)) {
    head.remove_prefix(word.size());
    while (!head.empty() && (is_blank(head[0]) || head[0] == ':')) head.remove_prefix(1);
    std::uint64_t cpu;
    std::size_t end;
    if (take_number(head, cpu, end)) dropping_ = !cpus_.empty() && !list_has_cpu(cpus_, cpu);
  } else if (after_blank_) {
    dropping_ = false;
  }
  after_blank_ = blank;
  if (!dropping_) out_.add({head_, head_size_});
}

void CpuinfoFilter::finish() {
  if (deciding_ && head_size_ > 0) decide();
}

}  // namespace container
