// Attaching, detaching and updating devices of a domain, as most tests do it.
#pragma once

#include <libvirt/libvirt.h>

#include <string>

namespace support {

inline constexpr unsigned kLive = VIR_DOMAIN_AFFECT_LIVE, kConfig = VIR_DOMAIN_AFFECT_CONFIG;

inline int attach(virDomainPtr domain, const std::string& xml, unsigned flags = kLive) {
  return virDomainAttachDeviceFlags(domain, xml.c_str(), flags);
}
inline int detach(virDomainPtr domain, const std::string& xml, unsigned flags = kLive) {
  return virDomainDetachDeviceFlags(domain, xml.c_str(), flags);
}
inline int update(virDomainPtr domain, const std::string& xml, unsigned flags = kLive) {
  return virDomainUpdateDeviceFlags(domain, xml.c_str(), flags);
}

}  // namespace support
