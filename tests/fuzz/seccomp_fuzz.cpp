// Any text as a seccomp profile: either refused with our own error, or a program that the kernel would take.
#include <linux/filter.h>

#include <cstdint>
#include <cstdlib>

#include "base/error.hpp"
#include "container/seccomp_profile.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto filter = container::parse_seccomp_profile(text, {.kept = 0x1fdb5feffff}, "6.1.0");
    const auto program = container::compile_seccomp(filter);
    if (program.empty() || program.size() % sizeof(sock_filter) != 0) std::abort();
    if (program.size() / sizeof(sock_filter) > BPF_MAXINSNS) std::abort();
  } catch (const base::Error&) {
  }
  return 0;
}
