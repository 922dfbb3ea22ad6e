// Whatever a definition holds comes back: random definitions of fixed seeds, through every view.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "documents.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/parse.hpp"
#include "domain-xml/schema.hpp"
#include "domain-xml/validate.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {
namespace {

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  DomainDefinition definition() {
    DomainDefinition d;
    d.name = text();
    for (auto& byte : d.uuid.bytes) byte = static_cast<std::uint8_t>(number(0, 255));
    if (maybe()) d.genid = base::format_uuid(d.uuid);
    d.title = optional_text();
    d.description = optional_text() + (maybe() ? "\nmore\r\n" : "");
    if (maybe()) d.metadata = "<a:x xmlns:a=\"urn:a\" k=\"&lt;\"><a:y/>t</a:x><z xmlns=\"urn:z\"/>";
    d.memory_kib = number(1, 1u << 31);
    d.current_memory_kib = number(1, d.memory_kib);
    if (maybe()) d.dump_core = maybe();
    tuning(d);
    d.partition = maybe() ? "/" + text() : "";
    os(d.os);
    if (maybe()) d.idmap = {{{0, 1000, 5}, {7, 9, 2}}, {{0, 1000, 65536}}};
    features(d.features);
    d.clock = clock();
    d.on_poweroff = pick(kLifecycleActions, 4);
    d.on_reboot = pick(kLifecycleActions, 4);
    d.on_crash = pick(kLifecycleActions, 6);
    d.emulator = "/" + text();
    repeat([&] { d.filesystems.push_back(filesystem()); });
    repeat([&] { d.interfaces.push_back(interface()); });
    repeat([&] { d.consoles.push_back(console(d.consoles.size())); });
    devices(d);
    if (maybe()) d.security_labels = {{SecurityLabelType::Static, "dac", true, text(), "", optional_text()}};
    for (auto* shared : {&d.shared_net, &d.shared_ipc, &d.shared_uts})
      if (maybe()) *shared = SharedNamespace{pick(kSharedNamespaceSources, 3), text()};
    extension(d.extension);
    return d;
  }

 private:
  void extension(Extension& e) {
    e.seccomp = maybe() ? pick(kSeccompProfiles) : "/" + text();
    if (maybe()) e.pids_limit = number(1, 1u << 22);
    if (maybe()) e.resource_limits = {{"nofile", number(0, 99), std::nullopt}, {"core", 0, number(0, 99)}};
    if (maybe()) e.overlay = maybe() ? RootOverlay{"/" + text(), std::nullopt} : RootOverlay{"", number(1, 99)};
    if (maybe()) e.idmap = AutomaticIdMap{.count = static_cast<std::uint32_t>(number(1, 65536)), .start = 100000};
    if (!e.idmap) e.host_ids = maybe();
  }
  std::uint64_t number(std::uint64_t low, std::uint64_t high) {
    return std::uniform_int_distribution<std::uint64_t>(low, high)(random_);
  }
  bool maybe() { return number(0, 1) == 1; }
  template <typename Call>
  void repeat(Call call) {
    for (std::uint64_t i = number(0, 3); i > 0; --i) call();
  }
  template <typename Enum, std::size_t count>
  Enum pick(const Word<Enum> (&words)[count], std::size_t first) {
    return words[number(0, first - 1)].value;
  }
  std::string pick(Words words) { return words[number(0, words.size() - 1)]; }
  std::string text() {
    static constexpr const char* kPieces[] = {
        "a", "Z", "0", "&", "<", ">", "\"", "'", " ", "é", "€", "\xf0\x9f\x90\xa7", "]]>", "&amp;", "=", "."};
    std::string made = "t";
    for (std::uint64_t i = number(0, 8); i > 0; --i) made += pick(kPieces);
    return made;
  }
  std::string optional_text() { return maybe() ? text() : ""; }
  template <typename Number>
  std::optional<Number> optional_number(std::uint64_t low, std::uint64_t high) {
    if (!maybe()) return std::nullopt;
    return static_cast<Number>(number(low, high));
  }

  void tuning(DomainDefinition& d) {
    d.memory_tune = {optional_number<std::uint64_t>(0, 1u << 30), optional_number<std::uint64_t>(0, 1u << 30),
                     optional_number<std::uint64_t>(0, 1u << 30), optional_number<std::uint64_t>(0, 1u << 30)};
    d.vcpus = static_cast<unsigned>(number(2, 512));
    d.vcpus_current = optional_number<unsigned>(1, d.vcpus - 1);
    d.cpuset = maybe() ? "0-3,7" : "";
    d.cpu_tune = {optional_number<std::uint64_t>(2, 262144),
                  optional_number<std::uint64_t>(1000, 1000000),
                  optional_number<std::int64_t>(1000, 17592186044415),
                  {}};
    if (maybe()) d.cpu_tune.quota_us = -1;
    if (maybe()) d.numa_tune = NumaTune{pick(kNumaModes, 4), "0,2-3"};
    d.block_tune.weight = optional_number<unsigned>(1, 1000);
    repeat([&] {
      d.block_tune.devices.push_back({"/dev/" + std::to_string(d.block_tune.devices.size()) + text(),
                                      static_cast<unsigned>(number(1, 1000)), optional_number<std::uint64_t>(1, 99),
                                      std::nullopt, optional_number<std::uint64_t>(1, 99), std::nullopt});
    });
  }

  void os(Os& os) {
    os.arch = maybe() ? "x86_64" : "i686";
    os.machine = optional_text();
    os.init = "/" + text();
    repeat([&] { os.init_args.push_back(text() + "\n"); });
    repeat([&] { os.init_env.push_back({text(), text()}); });
    os.init_dir = optional_text();
    os.init_user = optional_text();
    os.init_group = optional_text();
    os.cmdline = optional_text();
  }

  void features(Features& features) {
    features.privnet = maybe();
    if (maybe()) features.capabilities = CapabilityFeature{CapabilityPolicy::Deny, {}};
    if (features.capabilities) repeat([&] { features.capabilities->states[pick(kCapabilityNames)] = maybe(); });
    if (maybe()) features.others.push_back({.name = "apic", .attributes = {{"eoi", "on"}}});
    if (maybe()) features.others.push_back({.name = "pmu", .attributes = {{"state", "off"}}});
  }

  Clock clock() {
    if (maybe()) return {.offset = "timezone", .attributes = {{"timezone", text()}}};
    Clock clock{.offset = maybe() ? "utc" : "localtime"};
    repeat([&] {
      clock.timers.push_back({pick(kTimerNames), maybe() ? std::optional(maybe()) : std::nullopt, {}, {}});
    });
    return clock;
  }

  Filesystem filesystem() {
    Filesystem f{.type = pick(kFilesystemTypes, 7), .access_mode = pick(kAccessModes), .target = "/" + text()};
    if (f.type == FilesystemType::Ram) {
      f.ram_usage_bytes = number(0, 1u << 20) * 1024;
    } else if (f.type == FilesystemType::Volume) {
      f.pool = text();
      f.volume = text();
    } else {
      f.source = text() + (maybe() ? "\t\n" : "");
    }
    f.readonly = maybe();
    f.driver_format = maybe() ? "raw" : "";
    f.driver_type = maybe() ? "loop" : "";
    f.driver_wrpolicy = maybe() ? "immediate" : "";
    f.model = maybe() ? "virtio" : "";
    f.multidevs = maybe() ? "remap" : "";
    f.fmode = optional_number<unsigned>(1, 0777);
    f.dmode = optional_number<unsigned>(1, 0777);
    if (maybe()) f.address = Element{.name = "address", .attributes = {{"type", "usb"}, {"port", text()}}};
    if (maybe()) f.others = {{.name = "alias", .attributes = {{"name", "ua-" + text()}}}};
    f.space_soft_limit_bytes = optional_number<std::uint64_t>(1, 1u << 30);
    f.space_hard_limit_bytes = optional_number<std::uint64_t>(1, 1u << 30);
    return f;
  }

  MacAddress mac() {
    MacAddress mac;
    for (auto& byte : mac.bytes) byte = static_cast<std::uint8_t>(number(0, 255));
    mac.bytes[0] = 0x52;
    return mac;
  }

  Interface interface() {
    Interface i{.mac = mac()};
    switch (number(0, 5)) {
      case 0:
        i.source = InterfaceBridge{text(), optional_text(), optional_text(), optional_text()};
        break;
      case 1:
        i.source = InterfaceNetwork{text(), optional_text(), optional_text()};
        break;
      case 2:
        i.source = InterfaceDirect{text(), pick(kDirectModes), optional_text(), "", optional_text()};
        break;
      case 3:
        i.source = InterfaceEthernet{{{"192.0.2.1", "ipv4", 24, "192.0.2.2"}}, {}};
        break;
      case 4:
        i.source = InterfaceHostDevice{
            Element{"address",
                    {{"type", "pci"}, {"domain", "0x0000"}, {"bus", "0x03"}, {"slot", "0x10"}, {"function", "0x1"}}},
            optional_text(), "", optional_text()};
        break;
      default:
        i.source = InterfaceOther{"server", {{"address", text()}, {"port", "5"}}, {}};
    }
    i.target_dev = maybe() ? "vnet" + std::to_string(number(0, 9)) : optional_text();
    i.guest_dev = optional_text();
    i.guest_dev_actual = optional_text();
    if (maybe()) i.link_up = maybe();
    i.mtu = optional_number<unsigned>(68, 65535);
    i.model = maybe() ? pick(kNicModels) : "";
    repeat([&] { i.ips.push_back({"2001:db8::1", "ipv6", optional_number<unsigned>(1, 128), ""}); });
    repeat([&] { i.routes.push_back({"ipv4", "10.0.0.0", "192.0.2.1", 8, optional_number<unsigned>(1, 99), ""}); });
    if (maybe()) i.vlan = Vlan{true, {{5, "tagged"}, {6, ""}}};
    if (maybe()) i.bandwidth = Bandwidth{BandwidthRate{number(1, 999), 7, std::nullopt, std::nullopt}, std::nullopt};
    if (maybe()) i.virtual_port = VirtualPort{"802.1Qbh", {{"profileid", text()}}};
    if (maybe()) i.port_isolated = maybe();
    i.script = optional_text();
    i.downscript = optional_text();
    i.mac_type = maybe() ? "static" : "";
    i.mac_check = maybe() ? "no" : "";
    if (maybe()) i.others.push_back({.name = "boot", .attributes = {{"order", text()}}});
    if (maybe()) i.others.push_back({.name = "attributes", .attributes = {{"trustGuestRxFilters", "yes"}}});
    if (maybe()) i.filter = FilterReference{text(), {{"IP", "192.0.2." + std::to_string(number(0, 255))}}};
    return i;
  }

  Console console(std::size_t number) {
    Console console{.target_type = maybe() ? "lxc" : "sclp"};
    if (maybe()) console.others = {{.name = "log", .attributes = {{"file", text()}, {"append", "on"}}}};
    if (maybe()) console.path = "/dev/pts/" + std::to_string(number);
    if (maybe()) console.alias = "console" + std::to_string(number);
    return console;
  }

  void devices(DomainDefinition& d) {
    repeat([&] {
      const std::string letter(1, static_cast<char>('a' + d.disks.size()));
      d.disks.push_back(
          {.type = maybe() ? "block" : "file", .source = text(), .target = "vd" + letter, .bus = "virtio"});
      Disk& disk = d.disks.back();
      disk.driver_name = maybe() ? "nbd" : "";
      disk.driver_format = maybe() ? pick(kStorageFormats) : "";
      disk.driver_cache = maybe() ? "none" : "";
      disk.startup_policy = maybe() ? pick(kStartupPolicies) : "";
      disk.readonly = maybe();
      if (maybe()) disk.address = DriveAddress{1, 2, 3, static_cast<unsigned>(number(0, 9))};
      if (maybe()) disk.others.push_back({.name = "serial", .text = text()});
      if (maybe()) disk.others.push_back({.name = "driver", .attributes = {{"io", "native"}}});
    });
    repeat([&] {
      d.host_devices.push_back({.mode = HostDeviceMode::Capabilities,
                                .type = pick(kCapabilityTypes),
                                .path = std::to_string(d.host_devices.size()) + text()});
    });
    if (maybe())
      d.host_devices.push_back({.type = "usb", .managed = maybe(), .usb_product = UsbProduct{0x1234, 0xbeef}});
    if (maybe())
      d.host_devices.push_back({.type = "usb", .startup_policy = "optional", .usb_address = UsbAddress{1, 2}});
    if (maybe())
      d.host_devices.push_back({.mode = HostDeviceMode::Capabilities,
                                .type = "net",
                                .path = text(),
                                .ips = {{"192.0.2.9", "ipv4", 24, ""}},
                                .routes = {{"", "10.0.0.0", "192.0.2.1", 8, std::nullopt, ""}}});
    if (maybe()) d.other_devices.push_back({.name = "sound", .attributes = {{"model", "ac97"}}});
    if (maybe()) d.other_devices.push_back({.name = "panic", .attributes = {{"model", "isa"}}});
    if (maybe())
      d.others.push_back({.name = "pm", .children = {{.name = "suspend-to-mem", .attributes = {{"enabled", "no"}}}}});
    if (maybe()) d.others.push_back({.name = "launchSecurity", .attributes = {{"type", "s390-pv"}}});
    if (maybe()) d.others.push_back({.name = "smbios", .attributes = {{"mode", "host"}}});
  }

  std::mt19937 random_;
};

class RoundTrip : public testing::TestWithParam<unsigned> {};

TEST_P(RoundTrip, StatusIsTheDefinition) {
  Generator generator(GetParam());
  for (int i = 0; i < 25; ++i) {
    const DomainDefinition definition = generator.definition();
    const std::string xml = format_domain(definition, View::Status, 1234);
    ASSERT_TRUE(parse_status_domain(xml) == definition) << xml;
  }
}

TEST_P(RoundTrip, InactiveIsAFixPoint) {
  Generator generator(GetParam());
  for (int i = 0; i < 25; ++i) {
    const std::string first = format_domain(generator.definition(), View::Inactive);
    const DomainDefinition read = parse_domain(first);
    ASSERT_EQ(format_domain(read, View::Inactive), first);
    ASSERT_TRUE(parse_domain(format_domain(read, View::Live, 5)) == read) << first;
  }
}

TEST_P(RoundTrip, DefaultsAndChecksChangeNothingThatIsComplete) {
  Generator generator(GetParam());
  for (int i = 0; i < 25; ++i) {
    DomainDefinition definition = parse_domain(format_domain(generator.definition(), View::Inactive));
    apply_defaults(definition, kHost);
    const DomainDefinition before = definition;
    apply_defaults(definition, kHost);
    ASSERT_TRUE(definition == before);
    const std::string xml = format_domain(definition, View::Inactive);
    ASSERT_TRUE(parse_domain(xml) == definition) << xml;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RoundTrip, testing::Range(1u, 13u));

/// Found by fuzzing.
TEST(RoundTrip, StartupPolicyOfAnEmptyDriveIsNone) {
  const DomainDefinition definition = define(
      document({.devices = "<disk device='cdrom'><source startupPolicy='optional'/><target dev='hdc'/></disk>"}));
  EXPECT_TRUE(parse_status_domain(format_domain(definition, View::Status, 1)) == definition);
}

/// Found by fuzzing.
TEST(RoundTrip, ScsiHostDeviceWithAttributesGetsAnAddress) {
  const DomainDefinition definition = define(
      document({.devices = "<hostdev mode='subsystem' type='scsi' rawio='yes'><source><adapter name='scsi_host0'/>"
                           "<address bus='0' target='0' unit='0'/></source></hostdev>"}));
  EXPECT_TRUE(parse_status_domain(format_domain(definition, View::Status, 1)) == definition);
}

}  // namespace
}  // namespace domain_xml
