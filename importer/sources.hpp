// The three kinds of places containers are taken over from. Each is only read.
#pragma once

#include <vector>

#include "importer/found.hpp"

namespace importer {

/// Definitions of libvirt's LXC driver: those in the folder `place`, with their links in autostart/, or, if it is a
/// URI, those of its daemon. A place that cannot be read is SystemError or libvirt's own error.
std::vector<Found> find_libvirt(const Wanted& wanted);

/// Containers of LXC: folders in `place` with a file config.
std::vector<Found> find_lxc(const Wanted& wanted);

/// OCI bundles: the folders `bundles`. `name` is the domain's, if not the folder's.
std::vector<Found> find_oci(const std::vector<std::string>& bundles, const std::string& name);

}  // namespace importer
