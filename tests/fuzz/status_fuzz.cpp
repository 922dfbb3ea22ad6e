// Status files: any text is taken or refused with an error of ours, and what is taken is written and read alike.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.hpp"
#include "driver/store.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text;
  try {
    text = driver::format_status(driver::parse_status({reinterpret_cast<const char*>(data), size}));
  } catch (const base::Error&) {
    return 0;
  }
  // From here on an error would be one of ours: it is not caught.
  if (driver::format_status(driver::parse_status(text)) != text) std::abort();
  return 0;
}
