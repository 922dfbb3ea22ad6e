#include "base/version.hpp"

namespace base {

const char* version() {
  return LXCELL_VERSION;
}

}  // namespace base
