#include "container/host_processor.hpp"

#include <fcntl.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "base/fd.hpp"

namespace container {
namespace {

std::optional<domain_xml::CpuRegisters> read_msr(std::uint32_t number) {
  const base::Fd device(::open("/dev/cpu/0/msr", O_RDONLY | O_CLOEXEC));
  std::uint64_t value = 0;
  if (!device || ::pread(device.get(), &value, sizeof value, number) != sizeof value) return std::nullopt;
  return domain_xml::CpuRegisters{.eax = static_cast<std::uint32_t>(value),
                                  .edx = static_cast<std::uint32_t>(value >> 32)};
}

}  // namespace

std::optional<domain_xml::CpuRegisters> read_processor(const domain_xml::CpuQuestion& question) {
  if (question.msr) return read_msr(question.leaf);
#if defined(__x86_64__) || defined(__i386__)
  domain_xml::CpuRegisters values;
  if (!__get_cpuid_count(question.leaf, question.subleaf, &values.eax, &values.ebx, &values.ecx, &values.edx))
    return std::nullopt;
  return values;
#else
  return std::nullopt;
#endif
}

}  // namespace container
