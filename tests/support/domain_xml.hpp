// Text of <domain type='lxc'> from the few values a test cares about.
#pragma once

#include <string>
#include <vector>

namespace support {

struct DomainXml {
  std::string name;
  std::string uuid;  // none: the daemon makes one up
  unsigned long memory_kib = 65536;
  std::string init = "/sbin/init";
  std::vector<std::string> arguments;
  std::string root;  // host folder for "/"; empty: no filesystem element
  int consoles = 1;
  bool private_network = true;  // <privnet/>
  std::string os;               // more children of <os>
  std::string features;         // more children of <features>
  std::string devices;          // more children of <devices>
  std::string elements;         // more children of <domain>

  std::string text() const;
  operator std::string() const { return text(); }
};

/// <interface type='bridge'>; `more` are further children.
std::string bridge_interface(const std::string& bridge, const std::string& mac = "", const std::string& more = "");
/// <filesystem type='mount'>.
std::string mount_filesystem(const std::string& source, const std::string& target, bool read_only = false);

/// The value of an XPath expression in `xml`, as text: "count(//interface)", "string(/domain/@id)".
/// Throws if `xml` is not well-formed.
std::string xpath(const std::string& xml, const std::string& expression);

}  // namespace support
