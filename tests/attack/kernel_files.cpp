// Files of /proc and /sys by which the kernel takes orders, as they stand.
#include <unistd.h>

#include "attack/attempt.hpp"
#include "attack/files.hpp"

namespace attack {
namespace {

std::function<Outcome(const Facts&)> write_to(const char* path) {
  return [=](const Facts&) { return write_back(path); };
}

std::function<Outcome(const Facts&)> only_open(const char* path) {
  return [=](const Facts&) { return open_for_writing(path); };
}

/// Others are to die first when the host's memory ends.
Outcome spare_from_oom_killer(const Facts&) {
  const std::string path = "/proc/self/oom_score_adj";
  FILE* const file = fopen(path.c_str(), "we");
  if (!file) return refused_errno();
  fputs("-1000", file);
  const int result = fclose(file);
  return judge(result == 0 ? 0 : -1);
}

}  // namespace

Attempts kernel_file_attempts() {
  return {
      {"core_pattern", write_to("/proc/sys/kernel/core_pattern")},
      {"modprobe_path", write_to("/proc/sys/kernel/modprobe")},
      {"sysctl_panic", write_to("/proc/sys/kernel/panic")},
      {"sysctl_overcommit", write_to("/proc/sys/vm/overcommit_memory")},
      {"sysctl_file_max", write_to("/proc/sys/fs/file-max")},
      {"sysctl_suid_dumpable", write_to("/proc/sys/fs/suid_dumpable")},
      {"sysctl_legacy_tiocsti", write_to("/proc/sys/dev/tty/legacy_tiocsti")},
      {"sysrq_trigger", only_open("/proc/sysrq-trigger")},
      {"irq_affinity", only_open("/proc/irq/default_smp_affinity")},
      {"mtrr", only_open("/proc/mtrr")},
      {"acpi_wakeup", only_open("/proc/acpi/wakeup")},
      {"dynamic_debug", only_open("/proc/dynamic_debug/control")},
      {"sys_power_state", only_open("/sys/power/state")},
      {"sys_uevent_helper", only_open("/sys/kernel/uevent_helper")},
      {"sys_huge_pages", only_open("/sys/kernel/mm/transparent_hugepage/enabled")},
      {"sys_ksm", only_open("/sys/kernel/mm/ksm/run")},
      {"sys_reboot_mode", only_open("/sys/kernel/reboot/mode")},
      {"sys_slab", only_open("/sys/kernel/slab/kmalloc-64/validate")},
      {"sys_cpu_uevent", only_open("/sys/devices/system/cpu/cpu0/uevent")},
      {"oom_score", spare_from_oom_killer},
  };
}

}  // namespace attack
