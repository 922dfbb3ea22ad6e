// Configuration files: any text is taken or refused with an error of ours.
#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "driver/config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    driver::parse_config({reinterpret_cast<const char*>(data), size}, "fuzz.conf");
  } catch (const base::Error&) {
  }
  return 0;
}
