// Filesystems of type 'volume': which directory, file or device of this host a storage volume is, asked of libvirt's
// storage driver before a container starts or gets one. Worker threads.
#pragma once

#include "domain-xml/definition.hpp"
#include "driver/sibling_client.hpp"

namespace driver {

class StorageVolumes {
 public:
  explicit StorageVolumes(const Siblings& siblings) : client_(siblings, rpc::Subdriver::Storage) {}

  /// Puts what each volume is in its place: type mount, file or block with that source. Throws what the storage driver
  /// says about a pool or volume that is not there, ConfigUnsupported for a volume that is not on this host.
  void resolve(domain_xml::DomainDefinition& definition);

 private:
  void resolve(domain_xml::Filesystem& filesystem);

  SiblingClient client_;
};

}  // namespace driver
