#include <algorithm>
#include <bit>

#include "base/error.hpp"
#include "domain-xml/complete_stored.hpp"
#include "domain-xml/stored.hpp"
#include "domain-xml/values.hpp"

namespace domain_xml {

using base::Code;
using base::fail_from;
using base::From;

namespace {

using Attributes = std::vector<std::pair<std::string, std::string>>;

Element* child_of(Element& element, std::string_view name) {
  for (Element& child : element.children)
    if (child.name == name) return &child;
  return nullptr;
}

// ---- Video

constexpr unsigned kMaxVideoKib = 1u << 31;

/// Video memory comes in powers of two.
std::string video_memory(const std::string& given, const char* fallback) {
  if (given.empty()) return fallback;
  const auto kib = parse_number<unsigned>(given);
  if (!kib || *kib > kMaxVideoKib) fail_from(From::Domain, Code::XmlError, "'", given, "' is no size of video memory");
  return std::to_string(std::bit_ceil(*kib));
}

void complete_video_model(Element& model, bool primary) {
  const std::string type = text_of(model, "type");
  if (type == "none") return;
  const bool qxl = type == "qxl";
  const bool vga = type == "vga" || type == "cirrus" || type == "vmvga" || type == "bochs";
  const auto old = [&](const char* name) { return text_of(model, name); };
  Attributes attributes{{"type", type}};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty() && value != "0") attributes.emplace_back(name, value);
  };
  // 0 is not printed, so it would be this when it is read again.
  add("ram", qxl && (old("ram").empty() || old("ram") == "0") ? "65536" : old("ram"));
  if (qxl || vga || type == "xen")
    add("vram", video_memory(old("vram"), qxl ? "65536" : vga ? "16384" : "4096"));
  else
    add("vram", old("vram"));
  add("vram64", old("vram64"));
  add("vgamem", old("vgamem"));
  add("heads", old("heads").empty() || old("heads") == "0" ? "1" : old("heads"));
  if (primary) add("primary", "yes");
  add("blob", old("blob"));
  model.attributes = std::move(attributes);
}

bool is_primary(Element& video) {
  Element* const model = child_of(video, "model");
  return model != nullptr && text_of(*model, "primary") == "yes";
}

/// The primary one, if need be the first, comes first.
void complete_videos(std::vector<Element>& devices) {
  const auto is_video = [](const Element& device) { return device.name == "video"; };
  const auto first = std::find_if(devices.begin(), devices.end(), is_video);
  if (first == devices.end()) return;
  const auto primary = std::find_if(devices.begin(), devices.end(),
                                    [&](Element& device) { return is_video(device) && is_primary(device); });
  if (primary != devices.end()) std::rotate(first, primary, primary + 1);
  for (auto device = first; device != devices.end(); ++device) {
    if (!is_video(*device)) continue;
    if (device != first && is_primary(*device))
      fail_from(From::Domain, Code::ConfigUnsupported, "only one device 'video' can be the primary one");
    if (Element* const model = child_of(*device, "model")) complete_video_model(*model, device == first);
  }
}

// ---- Graphics

/// A port is chosen at start unless one is given, and the address to listen at is that of the host's configuration.
void complete_vnc(Element& graphics) {
  const std::string listen_at = text_of(graphics, "listen");
  Element* listen = child_of(graphics, "listen");
  const std::string socket = text_of(graphics, "socket");
  if (listen == nullptr) {
    Element made{.name = "listen", .attributes = {{"type", socket.empty() ? "address" : "socket"}}};
    if (!socket.empty()) made.attributes.emplace_back("socket", socket);
    if (!listen_at.empty()) made.attributes.emplace_back("address", listen_at);
    graphics.children.insert(graphics.children.begin(), std::move(made));
    listen = &graphics.children.front();
  }
  const std::string kind = text_of(*listen, "type");
  const bool on_network = kind == "address" || kind == "network";
  const std::string port = text_of(graphics, "port");
  const bool automatic = text_of(graphics, "autoport") == "yes" || port.empty() || port == "-1";
  Attributes attributes{{"type", "vnc"}};
  if (on_network) {
    attributes.emplace_back("port", automatic ? "-1" : port);
    attributes.emplace_back("autoport", automatic ? "yes" : "no");
  }
  for (auto& [name, value] : graphics.attributes)
    if (name != "type" && name != "port" && name != "autoport") attributes.emplace_back(name, value);
  graphics.attributes = std::move(attributes);
}

// ---- Others

void require_single(const std::vector<Element>& devices, const char* name) {
  const auto count = std::count_if(devices.begin(), devices.end(), [&](const Element& d) { return d.name == name; });
  if (count > 1) fail_from(From::Domain, Code::InternalError, "only one device '", name, "' is possible");
}

void complete_tpm(Element& tpm) {
  Element* const backend = child_of(tpm, "backend");
  if (backend == nullptr || text_of(*backend, "type") != "passthrough" || child_of(*backend, "device") != nullptr)
    return;
  backend->children.push_back({.name = "device", .attributes = {{"path", "/dev/tpm0"}}});
}

void complete_rng(Element& rng) {
  Element* const backend = child_of(rng, "backend");
  if (backend != nullptr && text_of(*backend, "model") == "random" && backend->text.empty())
    backend->text = "/dev/random";
}

/// In MiB, whatever the unit.
void complete_shmem(Element& shmem) {
  Element* const size = child_of(shmem, "size");
  if (size == nullptr || size->text.empty()) return;
  const auto number = parse_unsigned(size->text);
  if (!number) fail_from(From::Xml, Code::XmlError, "invalid size '", size->text, "' of a device 'shmem'");
  constexpr std::uint64_t kMib = 1024 * 1024;
  size->text = std::to_string((scaled_bytes(*number, text_of(*size, "unit"), 1) + kMib - 1) / kMib);
  size->attributes = {{"unit", "M"}};
}

/// Every smartcard has a slot of the reader.
void place_smartcards(std::vector<Element>& devices) {
  unsigned slot = 0;
  for (Element& device : devices) {
    if (device.name != "smartcard") continue;
    if (child_of(device, "address") == nullptr) {
      const std::string number = std::to_string(slot);
      device.children.push_back(
          {.name = "address", .attributes = {{"type", "ccid"}, {"controller", "0"}, {"slot", number}}});
    }
    ++slot;
  }
}

void lower_mdev_uuid(HostDevice& device) {
  if (device.type != "mdev") return;
  for (Element& source : device.others)
    if (Element* const address = child_of(source, "address"))
      if (std::string* const text = stored_attribute(*address, "uuid"))
        if (const auto uuid = base::parse_uuid(*text)) *text = base::format_uuid(*uuid);
}

void place_scsi_host_devices(std::vector<HostDevice>& devices) {
  unsigned unit = 0;
  for (HostDevice& device : devices) {
    if (device.type != "scsi") continue;
    if (!has_stored(device.others, "address")) {
      const std::string number = std::to_string(unit);
      const auto own = std::find_if(device.others.begin(), device.others.end(),
                                    [](const Element& element) { return element.name == "attributes"; });
      device.others.insert(  // where reading it again puts it
          own,
          {.name = "address",
           .attributes = {{"type", "drive"}, {"controller", "0"}, {"bus", "0"}, {"target", "0"}, {"unit", number}}});
    }
    ++unit;
  }
}

}  // namespace

void complete_other_devices(DomainDefinition& definition) {
  auto& devices = definition.other_devices;
  for (const char* name : {"memballoon", "watchdog", "nvram"}) require_single(devices, name);
  complete_videos(devices);
  place_smartcards(devices);
  place_scsi_host_devices(definition.host_devices);
  for (HostDevice& device : definition.host_devices) lower_mdev_uuid(device);
  for (Element& device : devices) {
    if (device.name == "graphics" && text_of(device, "type") == "vnc") complete_vnc(device);
    if (device.name == "tpm") complete_tpm(device);
    if (device.name == "rng") complete_rng(device);
    if (device.name == "shmem") complete_shmem(device);
  }
}

}  // namespace domain_xml
