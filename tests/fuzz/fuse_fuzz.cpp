// What the supervisor is given from inside: FUSE requests, and the texts it makes its answers of.
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "container/fuse_files.hpp"
#include "container/usage_text.hpp"
#include "container/view_text.hpp"

namespace {

std::string_view input;

void write_file(std::uint32_t index, container::TextWindow& out) {
  container::MemoryFigures figures;
  figures.known = figures.swap_known = true;
  figures.usage = input.size();
  figures.limit = container::parse_limit(input);
  container::take_memory_stat(figures, 1, input);
  container::take_memory_stat(figures, 2, input);
  if (index == 0) return container::write_meminfo(out, input, figures);
  if (index == 1) return container::write_swaps(out, input, input, figures);
  if (index == 2) {
    container::CpuUse use = container::parse_cpu_stat(input);
    container::CpuList cpus(input);
    for (std::uint64_t cpu = 0, i = 0; cpus.next(cpu); i++) {
      container::write_cpu(out, cpu, container::share_of(use, container::count_cpus(input), i), input.size());
      if (i == 16) break;
    }
    std::uint64_t cpu = 0;
    container::take_cpu_line(input, cpu, use);
    container::LoadAverage load;
    container::TaskCount tasks{use.user, use.system, cpu, cpu};
    load.add(use.user, use.system, cpu);
    load.add(cpu, use.user, use.system);
    container::write_loadavg(out, load, tasks);
    container::write_stat_rest(out, cpu, tasks);
    return container::write_uptime(out, use.user, use.system);
  }
  if (index == 3) {
    for (int version = 1; version <= 2; version++) container::write_disk(out, input, {version, input, input});
    return;
  }
  container::CpuinfoFilter filter(out, input);
  filter.add({input.data(), input.size() / 2});
  filter.add({input.data() + input.size() / 2, input.size() - input.size() / 2});
  filter.finish();
}

long read_file(std::uint32_t index, std::uint32_t, std::uint64_t offset, char* to, std::size_t capacity) {
  if (index > 4 || capacity > container::kFuseReadBytes) std::abort();
  container::TextWindow out(to, capacity, offset);
  write_file(index, out);
  return static_cast<long>(out.size());
}
std::uint64_t file_length(std::uint32_t index, std::uint32_t) {
  container::TextWindow out(nullptr, 0, 0);
  write_file(index, out);
  return out.length();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr const char* names[] = {"meminfo", "swaps", "stat", "diskstats", "cpuinfo"};
  static unsigned char reply[container::kFuseReplyBytes];
  input = {reinterpret_cast<const char*>(data), size};
  const container::FuseFiles files = {names, 5, 0, 0, 0, read_file, file_length};
  const std::size_t answered = container::answer_fuse(data, size, reply, files);
  std::uint32_t length = 0;
  std::memcpy(&length, reply, sizeof length);
  if (answered > sizeof reply || (answered > 0 && length != answered)) std::abort();
  return 0;
}
