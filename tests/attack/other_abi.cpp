// The same calls by the machine's other doors: 32-bit programs and x32, whose numbers a filter may have forgotten.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "attack/attempt.hpp"
#include "attack/files.hpp"

namespace attack {
#if defined(__x86_64__)
namespace {

/// Below 4 GiB, where 32-bit calls find it.
char* low_memory() {
  static char* const memory =
      static_cast<char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0));
  return memory;
}

long call_32(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
  long result;
  asm volatile("int $0x80"
               : "=a"(result)
               : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
               : "memory", "r8", "r9", "r10", "r11", "cc");
  result = static_cast<int>(result);
  if (result < 0 && result > -4096) {
    errno = static_cast<int>(-result);
    return -1;
  }
  return result;
}

constexpr int kX32 = 0x40000000;

auto by_int80(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
  return [=](const Facts&) { return judge_past_permission(call_32(number, a, b, c, d, e)); };
}

template <typename... Words>
auto by_x32(long number, Words... words) {
  return [=](const Facts&) { return judge_past_permission(syscall(number | kX32, words...)); };
}

/// Of the whole file system, as the 64-bit call that is denied; with the flags it has.
Outcome remount_root(const Facts&) {
  std::strcpy(low_memory(), "/");
  const auto text = reinterpret_cast<long>(low_memory());
  return judge(call_32(21, text, text, text, MS_REMOUNT, 0));
}

/// The upper half of the register is not the caller's word for an int.
Outcome inject_with_upper_half(const Facts&) {
  const File tty(open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!tty) return not_there("no console");
  const char letter = 0;
  return judge(syscall(SYS_ioctl, tty.get(), 0x100000000UL | 0x5412 /* TIOCSTI */, &letter));
}

}  // namespace

Attempts other_abi_attempts() {
  return {
      {"int80_init_module", by_int80(128)},
      {"int80_delete_module", by_int80(129)},
      {"int80_kexec_load", by_int80(283, 0, 0, 0, 0x8000)},
      {"int80_iopl", by_int80(110, 3)},
      {"int80_swapoff", by_int80(115)},
      {"int80_acct", by_int80(51, 1)},
      {"int80_syslog", by_int80(103, 10)},
      {"int80_bpf", by_int80(357)},
      {"int80_perf_event_open", by_int80(336)},
      {"int80_userfaultfd", by_int80(374)},
      {"int80_io_uring_setup", by_int80(425)},
      {"int80_add_key", by_int80(286)},
      {"int80_open_by_handle_at", by_int80(342)},
      {"int80_vm86", by_int80(166)},
      {"int80_uselib", by_int80(86)},
      {"int80_settimeofday", by_int80(79)},
      {"int80_remount_root", remount_root},
      {"x32_init_module", by_x32(SYS_init_module, nullptr, 0, nullptr)},
      {"x32_kexec_load", by_x32(528, 0, 0, nullptr, 0x8000)},
      {"x32_bpf", by_x32(SYS_bpf, 0, nullptr, 0)},
      {"x32_mount", by_x32(SYS_mount, nullptr, nullptr, nullptr, MS_REMOUNT, nullptr)},
      {"x32_ptrace", by_x32(521, 0, 0, 0, 0)},
      {"ioctl_upper_half_tiocsti", inject_with_upper_half},
  };
}
#else
Attempts other_abi_attempts() {
  return {};
}
#endif

}  // namespace attack
