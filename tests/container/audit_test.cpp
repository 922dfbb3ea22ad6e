#include "container/audit.hpp"

#include <gmock/gmock.h>
#include <libaudit.h>

#include "base/error.hpp"
#include "domain-xml/mac.hpp"

namespace container {
namespace {

using domain_xml::DomainDefinition;
using testing::ElementsAre;

constexpr const char* kWho = "vm=\"web\" uuid=6f1c3a5e-0000-1111-2222-333344445555";

DomainDefinition web() {
  DomainDefinition definition;
  definition.name = "web";
  definition.uuid = *base::parse_uuid("6f1c3a5e-0000-1111-2222-333344445555");
  definition.memory_kib = definition.current_memory_kib = 65536;
  definition.vcpus = 2;
  return definition;
}

std::string with_who(const std::string& before, const std::string& after) {
  return "virt=lxc " + before + " " + kWho + " " + after;
}

std::vector<std::string> texts(const AuditRecords& records) {
  std::vector<std::string> all;
  for (const auto& record : records) all.push_back(record.text);
  return all;
}

TEST(AuditRecords, AStartTellsEverythingTheContainerIsGiven) {
  DomainDefinition live = web();
  live.filesystems.push_back({});
  live.filesystems.back().source = "/srv/web";
  live.interfaces.push_back({});
  live.interfaces.back().mac = *domain_xml::parse_mac("52:54:00:01:02:03");
  live.disks.push_back({.source = "/dev/sdb"});
  live.host_devices.push_back(
      {.mode = domain_xml::HostDeviceMode::Capabilities, .type = "misc", .path = "/dev/input/event3"});
  live.host_devices.push_back({.type = "usb", .usb_address = domain_xml::UsbAddress{1, 2}});
  live.security_labels = {
      {.type = domain_xml::SecurityLabelType::Dynamic, .model = "apparmor", .label = "l", .image_label = "i"}};
  const auto records = start_records(
      live, "apparmor", {10, 11, 4026531836, "/machine/lxc-web", {{'c', 1, 3, "rwm"}, {'c', 136, -1, "rwm"}}});
  EXPECT_THAT(texts(records),
              ElementsAre(with_who("resrc=fs reason=start", "old-fs=\"?\" new-fs=\"/srv/web\""),
                          with_who("resrc=net reason=start", "old-net=? new-net=52:54:00:01:02:03"),
                          with_who("resrc=disk reason=start", "old-disk=\"?\" new-disk=\"/dev/sdb\""),
                          with_who("resrc=hostdev reason=start", "chardev=\"/dev/input/event3\""),
                          with_who("resrc=hostdev reason=start", "bus=usb device=\"001.002\""),
                          with_who("resrc=mem reason=start", "old-mem=0 new-mem=65536"),
                          with_who("resrc=vcpu reason=start", "old-vcpu=0 new-vcpu=2"),
                          with_who("resrc=cgroup reason=deny", "cgroup=\"/machine/lxc-web\" class=all"),
                          with_who("resrc=cgroup reason=allow",
                                   "cgroup=\"/machine/lxc-web\" class=path category=char maj=01 min=03 acl=rwm"),
                          with_who("resrc=cgroup reason=allow",
                                   "cgroup=\"/machine/lxc-web\" class=major category=char maj=88 min=* acl=rwm"),
                          std::string("virt=lxc ") + kWho + " vm-ctx=\"l\" img-ctx=\"i\" model=apparmor",
                          with_who("op=start reason=booted", "vm-pid=10"),
                          with_who("op=init", "vm-pid=10 init-pid=11 pid-ns=4026531836")));
  EXPECT_EQ(records.front().type, AUDIT_VIRT_RESOURCE);
  EXPECT_EQ(records[10].type, AUDIT_VIRT_MACHINE_ID);
  EXPECT_EQ(records.back().type, AUDIT_VIRT_CONTROL);
}

TEST(AuditRecords, AFailedStartAndAnEnd) {
  EXPECT_THAT(failed_start_records(web()),
              ElementsAre(AuditRecord{AUDIT_VIRT_CONTROL, with_who("op=start reason=booted", "vm-pid=-1"), false}));
  EXPECT_THAT(end_records("web", web().uuid, 10, "destroyed"),
              ElementsAre(AuditRecord{AUDIT_VIRT_CONTROL, with_who("op=stop reason=destroyed", "vm-pid=10"), true}));
}

TEST(AuditRecords, ANameCannotBringFieldsOfItsOwn) {
  DomainDefinition definition = web();
  definition.name = "a\" res=success \"";
  EXPECT_THAT(failed_start_records(definition).front().text, testing::HasSubstr("vm=6122207265733D73756363657373202"));
}

TEST(AuditRecords, ChangesTellWhatDiffers) {
  DomainDefinition after = web();
  EXPECT_TRUE(change_records(web(), after, true).empty());
  after.current_memory_kib = 32768;
  after.vcpus_current = 1;
  EXPECT_THAT(
      change_records(web(), after, false),
      ElementsAre(
          AuditRecord{AUDIT_VIRT_RESOURCE, with_who("resrc=mem reason=update", "old-mem=65536 new-mem=32768"), false},
          AuditRecord{AUDIT_VIRT_RESOURCE, with_who("resrc=vcpu reason=update", "old-vcpu=2 new-vcpu=1"), false}));
  domain_xml::Interface interface;
  interface.mac = *domain_xml::parse_mac("52:54:00:01:02:03");
  EXPECT_EQ(interface_records("web", web().uuid, "detach", interface, true).front().text,
            with_who("resrc=net reason=detach", "old-net=52:54:00:01:02:03 new-net=?"));
}

TEST(AuditRecords, DevicesThatComeAndGo) {
  DomainDefinition before = web(), after = web();
  before.disks.push_back({.source = "/dev/sdb"});
  after.host_devices.push_back(
      {.mode = domain_xml::HostDeviceMode::Capabilities, .type = "storage", .path = "/dev/sdc"});
  EXPECT_THAT(
      device_records(before, after, false),
      ElementsAre(
          AuditRecord{AUDIT_VIRT_RESOURCE, with_who("resrc=disk reason=detach", "old-disk=\"/dev/sdb\" new-disk=\"?\""),
                      false},
          AuditRecord{AUDIT_VIRT_RESOURCE, with_who("resrc=hostdev reason=attach", "disk=\"/dev/sdc\""), false}));
  EXPECT_TRUE(device_records(before, before, true).empty());
}

TEST(AuditRecords, TheReasonOfAnEnd) {
  EXPECT_EQ(end_reason(true, {}), "destroyed");
  EXPECT_EQ(end_reason(false, {ExitCause::Exited, 0}), "shutdown");
  EXPECT_EQ(end_reason(false, {ExitCause::PowerOff, 2}), "shutdown");
  EXPECT_EQ(end_reason(false, {ExitCause::Reboot, 1}), "reboot");
  EXPECT_EQ(end_reason(false, {ExitCause::Exited, 3 << 8}), "crashed");
  EXPECT_EQ(end_reason(false, {ExitCause::SupervisorLost, 0}), "crashed");
}

TEST(Audited, TellsHowItEnded) {
  std::vector<bool> ends;
  const auto tell = [&](bool success) { ends.push_back(success); };
  EXPECT_EQ(audited([] { return 5; }, tell), 5);
  EXPECT_THROW(audited([] { base::fail(base::Code::SystemError, "no"); }, tell), base::Error);
  EXPECT_EQ(ends, (std::vector<bool>{true, false}));
}

}  // namespace
}  // namespace container
