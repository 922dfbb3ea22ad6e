// Owners of what libvirt's client library hands out.
#pragma once

#include <cstdlib>
#include <memory>
#include <vector>

#include "driver/libvirt_library.hpp"

namespace driver {

template <auto& Release>
struct Releaser {
  template <typename T>
  void operator()(T* object) const noexcept {
    Release(object);
  }
};
using Network = std::unique_ptr<virNetwork, Releaser<virNetworkFree>>;
using Port = std::unique_ptr<virNetworkPort, Releaser<virNetworkPortFree>>;
using Binding = std::unique_ptr<virNWFilterBinding, Releaser<virNWFilterBindingFree>>;
using StoragePool = std::unique_ptr<virStoragePool, Releaser<virStoragePoolFree>>;
using StorageVolume = std::unique_ptr<virStorageVol, Releaser<virStorageVolFree>>;
using Text = std::unique_ptr<char, Releaser<std::free>>;

/// Takes over the array and the objects that one of its list calls returned.
template <typename Owner, typename T>
std::vector<Owner> take_list(T** objects, int count) {
  std::vector<Owner> list;
  for (int i = 0; i < count; ++i) list.emplace_back(objects[i]);
  std::free(objects);
  return list;
}

}  // namespace driver
