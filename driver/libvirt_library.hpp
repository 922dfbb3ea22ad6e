// libvirt's client library, loaded when one of its functions is first called: with the forty libraries that come along
// it takes 9 MiB of the daemon's resident memory, and only what concerns libvirt's other drivers needs it. In this
// namespace its functions are called as ever.
#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

namespace driver {

/// Throws OperationUnsupported when the library is not installed, InternalError when it has no such function. Any
/// thread.
void* find_in_libvirt_library(const char* name);

template <typename Function>
class Imported;
template <typename Result, typename... Arguments>
class Imported<Result(Arguments...)> {
 public:
  explicit constexpr Imported(const char* name) : name_(name) {}
  Result operator()(Arguments... arguments) const {
    return reinterpret_cast<Result (*)(Arguments...)>(find_in_libvirt_library(name_))(arguments...);
  }

 private:
  const char* name_;
};

#define LXCELL_IMPORT(function) inline constexpr Imported<decltype(::function)> function(#function)
LXCELL_IMPORT(virConnectClose);
LXCELL_IMPORT(virConnectIsAlive);
LXCELL_IMPORT(virConnectListAllNWFilterBindings);
LXCELL_IMPORT(virConnectListAllNetworks);
LXCELL_IMPORT(virConnectOpen);
LXCELL_IMPORT(virGetLastError);
LXCELL_IMPORT(virInitialize);
LXCELL_IMPORT(virNWFilterBindingCreateXML);
LXCELL_IMPORT(virNWFilterBindingDelete);
LXCELL_IMPORT(virNWFilterBindingFree);
LXCELL_IMPORT(virNWFilterBindingGetPortDev);
LXCELL_IMPORT(virNWFilterBindingGetXMLDesc);
LXCELL_IMPORT(virNWFilterBindingLookupByPortDev);
LXCELL_IMPORT(virNetworkDHCPLeaseFree);
LXCELL_IMPORT(virNetworkFree);
LXCELL_IMPORT(virNetworkGetDHCPLeases);
LXCELL_IMPORT(virNetworkGetName);
LXCELL_IMPORT(virNetworkListAllPorts);
LXCELL_IMPORT(virNetworkLookupByName);
LXCELL_IMPORT(virNetworkPortCreateXML);
LXCELL_IMPORT(virNetworkPortDelete);
LXCELL_IMPORT(virNetworkPortFree);
LXCELL_IMPORT(virNetworkPortGetUUID);
LXCELL_IMPORT(virNetworkPortGetXMLDesc);
LXCELL_IMPORT(virNetworkPortLookupByUUID);
LXCELL_IMPORT(virNetworkPortSetParameters);
LXCELL_IMPORT(virSetErrorFunc);
LXCELL_IMPORT(virStoragePoolFree);
LXCELL_IMPORT(virStoragePoolLookupByName);
LXCELL_IMPORT(virStorageVolFree);
LXCELL_IMPORT(virStorageVolGetInfo);
LXCELL_IMPORT(virStorageVolGetPath);
LXCELL_IMPORT(virStorageVolGetXMLDesc);
LXCELL_IMPORT(virStorageVolLookupByName);
LXCELL_IMPORT(virTypedParamsAddUInt);
LXCELL_IMPORT(virTypedParamsFree);
#undef LXCELL_IMPORT

}  // namespace driver
