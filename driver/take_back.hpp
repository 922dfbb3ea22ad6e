// Taking back a change that failed half way: what goes wrong then is logged and never replaces the first cause.
#pragma once

#include <string>

#include "base/log.hpp"

namespace driver {

template <typename Undo>
void take_back(const std::string& domain, const char* what, Undo&& undo) noexcept {
  try {
    undo();
  } catch (const std::exception& error) {
    base::log::error("domain '{}': {} cannot be taken back: {}", domain, what, error.what());
  }
}

}  // namespace driver
