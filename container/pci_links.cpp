#include "container/pci_links.hpp"

#include <cerrno>
#include <filesystem>
#include <vector>

#include "base/error.hpp"

namespace container {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    names.push_back(at->path().filename());
  return names;
}

}  // namespace

/// A virtio card is a device of its own below the PCI device.
std::string link_of_pci_device(const std::string& address, const std::string& sysfs) {
  const fs::path device = fs::path(sysfs) / "bus/pci/devices" / address;
  if (!fs::exists(device))
    base::fail_errno_value(ENODEV, base::Code::SystemError, "cannot find PCI device '", address, "'");
  std::vector<std::string> links = names_in(device / "net");
  for (const auto& name : names_in(device))
    if (name.starts_with("virtio"))
      for (auto& link : names_in(device / name / "net")) links.push_back(std::move(link));
  if (links.size() > 1)
    base::fail(base::Code::ConfigUnsupported, "PCI device '", address, "' has several network devices, '", links[0],
               "' and '", links[1],
               "' among them: <hostdev mode='capabilities' type='net'> names the one that is meant");
  return links.empty() ? "" : links.front();
}

}  // namespace container
