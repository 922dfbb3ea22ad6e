// Owners of libvirt's reference-counted objects that convert to the raw pointer, so that tests read like client code.
#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <string>
#include <utility>

namespace support {

template <typename Pointer, int (*Release)(Pointer)>
class Handle {
 public:
  Handle() = default;
  Handle(Pointer pointer) : pointer_(pointer) {}  // NOLINT: taking over what a libvirt call returned is the point
  Handle(Handle&& other) noexcept : pointer_(std::exchange(other.pointer_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      reset();
      pointer_ = std::exchange(other.pointer_, nullptr);
    }
    return *this;
  }
  ~Handle() { reset(); }

  operator Pointer() const { return pointer_; }  // NOLINT
  explicit operator bool() const { return pointer_ != nullptr; }
  void reset() {
    if (pointer_) Release(std::exchange(pointer_, nullptr));
  }

 private:
  Pointer pointer_ = nullptr;
};

using Connection = Handle<virConnectPtr, virConnectClose>;
using Domain = Handle<virDomainPtr, virDomainFree>;
using Stream = Handle<virStreamPtr, virStreamFree>;

/// Takes over a malloc'ed text as libvirt hands it out; "" for a null pointer.
std::string take(char* text);

}  // namespace support
