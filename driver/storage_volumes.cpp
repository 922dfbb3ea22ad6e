#include "driver/storage_volumes.hpp"

#include "base/error.hpp"
#include "domain-xml/node.hpp"
#include "driver/libvirt_handles.hpp"

namespace driver {
namespace {

using base::Code;
using domain_xml::Filesystem;
using domain_xml::FilesystemType;

struct Volume {
  int type = -1;  // virStorageVolType
  std::string path;
  std::string format;  // of a file: "raw", "qcow2" ...
};

template <typename Made>
Made* require(Made* made) {
  if (!made) fail_as_libvirt();
  return made;
}

std::string take(char* text) {
  return Text(require(text)).get();
}

Volume look_up(virConnectPtr connection, const std::string& pool_name, const std::string& name) {
  const StoragePool pool(require(virStoragePoolLookupByName(connection, pool_name.c_str())));
  const StorageVolume volume(require(virStorageVolLookupByName(pool.get(), name.c_str())));
  virStorageVolInfo info{};
  if (virStorageVolGetInfo(volume.get(), &info) < 0) fail_as_libvirt();
  const domain_xml::Document document(take(virStorageVolGetXMLDesc(volume.get(), 0)), "(volume_definition)");
  return {info.type, take(virStorageVolGetPath(volume.get())),
          document.root().child("target").child("format").attribute_text("type")};
}

FilesystemType type_for(const Filesystem& filesystem, int volume_type) {
  switch (volume_type) {
    case VIR_STORAGE_VOL_DIR:
      return FilesystemType::Mount;
    case VIR_STORAGE_VOL_FILE:
      return FilesystemType::File;
    case VIR_STORAGE_VOL_BLOCK:
      return FilesystemType::Block;
    default:
      base::fail(Code::ConfigUnsupported, "filesystem '", filesystem.target, "': volume '", filesystem.volume,
                 "' of pool '", filesystem.pool, "' is no directory, file or device of this host");
  }
}

}  // namespace

void StorageVolumes::resolve(Filesystem& filesystem) {
  const Volume volume = client_.with([pool = filesystem.pool, name = filesystem.volume](virConnectPtr connection) {
    return look_up(connection, pool, name);
  });
  filesystem.type = type_for(filesystem, volume.type);
  filesystem.source = volume.path;
  // An image that is not raw is refused by the name of its format, like one that the definition names itself.
  if (filesystem.type == FilesystemType::File && filesystem.driver_format.empty() && volume.format != "raw")
    filesystem.driver_format = volume.format;
}

void StorageVolumes::resolve(domain_xml::DomainDefinition& definition) {
  for (Filesystem& filesystem : definition.filesystems)
    if (filesystem.type == FilesystemType::Volume) resolve(filesystem);
}

}  // namespace driver
