#include "driver/libvirt_library.hpp"

#include <dlfcn.h>

#include "base/error.hpp"

namespace driver {
namespace {

using base::Code;

/// The name stands for its interface, which only grows.
void* library() {
  static void* const loaded = [] {
    void* const handle = ::dlopen("libvirt.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!handle) base::fail(Code::OperationUnsupported, "libvirt's client library is needed: ", ::dlerror());
    return handle;
  }();
  return loaded;
}

}  // namespace

void* find_in_libvirt_library(const char* name) {
  void* const found = ::dlsym(library(), name);
  if (!found) base::fail(Code::InternalError, "libvirt's client library has no ", name);
  return found;
}

}  // namespace driver
