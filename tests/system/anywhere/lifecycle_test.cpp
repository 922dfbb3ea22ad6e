// The lifecycle matrix: every call in every state, against the code of lifecycle.md §3.
#include <libvirt/libvirt-lxc.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <vector>

#include "support/fixture.hpp"

namespace {

using namespace support;

enum class Start { ShutOff, Running, Paused };
constexpr int kOk = VIR_ERR_OK;
constexpr int kInvalid = VIR_ERR_OPERATION_INVALID;

struct Row {
  const char* name;
  std::function<int(virDomainPtr)> code;  // makes the call and tells its error code, 0 if it succeeded
  int shut_off, running, paused;
  bool stock_refuses = false;  // its flags, in every state

  friend std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }
};

int code_of(int answer) {
  return answer < 0 ? last_failure().code : 0;
}
int code_of(char* answer) {
  if (!answer) return last_failure().code;
  free(answer);
  return 0;
}

int open_console(virDomainPtr domain, const char* alias, unsigned flags) {
  Failure why;
  return Console::open(domain, alias, flags, &why) ? 0 : why.code;
}

int open_namespaces(virDomainPtr domain, unsigned flags) {
  int* descriptors = nullptr;
  const int count = virDomainLxcOpenNamespace(domain, &descriptors, flags);
  if (count < 0) return last_failure().code;
  for (int i = 0; i < count; ++i) close(descriptors[i]);
  free(descriptors);
  return 0;
}

int send_signal(virDomainPtr domain, long long pid, unsigned number) {
  return code_of(virDomainSendProcessSignal(domain, pid, number, 0));
}

const std::vector<Row>& rows() {
  constexpr int kArgument = VIR_ERR_INVALID_ARG;
  static const std::vector<Row> all = {
      {"Create", [](virDomainPtr d) { return code_of(virDomainCreate(d)); }, kOk, kInvalid, kInvalid},
      {"CreateWithFlags", [](virDomainPtr d) { return code_of(virDomainCreateWithFlags(d, 0)); }, kOk, kInvalid,
       kInvalid},
      {"CreatePaused", [](virDomainPtr d) { return code_of(virDomainCreateWithFlags(d, VIR_DOMAIN_START_PAUSED)); },
       kOk, kInvalid, kInvalid, true},
      {"CreateBypassCache",
       [](virDomainPtr d) { return code_of(virDomainCreateWithFlags(d, VIR_DOMAIN_START_BYPASS_CACHE)); }, kOk,
       kInvalid, kInvalid, true},
      {"CreateForceBoot",
       [](virDomainPtr d) { return code_of(virDomainCreateWithFlags(d, VIR_DOMAIN_START_FORCE_BOOT)); }, kOk, kInvalid,
       kInvalid, true},
      {"Destroy", [](virDomainPtr d) { return code_of(virDomainDestroy(d)); }, kInvalid, kOk, kOk},
      {"DestroyFlags", [](virDomainPtr d) { return code_of(virDomainDestroyFlags(d, 0)); }, kInvalid, kOk, kOk},
      {"DestroyGraceful", [](virDomainPtr d) { return code_of(virDomainDestroyFlags(d, VIR_DOMAIN_DESTROY_GRACEFUL)); },
       kInvalid, kOk, kInvalid, true},
      {"Suspend", [](virDomainPtr d) { return code_of(virDomainSuspend(d)); }, kInvalid, kOk, kOk},
      {"Resume", [](virDomainPtr d) { return code_of(virDomainResume(d)); }, kInvalid, kInvalid, kOk},
      {"Shutdown", [](virDomainPtr d) { return code_of(virDomainShutdown(d)); }, kInvalid, kOk, kOk},
      {"ShutdownSignal", [](virDomainPtr d) { return code_of(virDomainShutdownFlags(d, VIR_DOMAIN_SHUTDOWN_SIGNAL)); },
       kInvalid, kOk, kOk},
      {"ShutdownAcpi",
       [](virDomainPtr d) { return code_of(virDomainShutdownFlags(d, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)); }, kArgument,
       kArgument, kArgument},
      {"Reboot", [](virDomainPtr d) { return code_of(virDomainReboot(d, 0)); }, kInvalid, kOk, kOk},
      {"RebootSignal", [](virDomainPtr d) { return code_of(virDomainReboot(d, VIR_DOMAIN_REBOOT_SIGNAL)); }, kInvalid,
       kOk, kOk},
      {"RebootAcpi", [](virDomainPtr d) { return code_of(virDomainReboot(d, VIR_DOMAIN_REBOOT_ACPI_POWER_BTN)); },
       kArgument, kArgument, kArgument},
      {"SendSignalNop", [](virDomainPtr d) { return send_signal(d, 1, VIR_DOMAIN_PROCESS_SIGNAL_NOP); }, kInvalid, kOk,
       kOk},
      {"SendSignalOtherPid", [](virDomainPtr d) { return send_signal(d, 2, VIR_DOMAIN_PROCESS_SIGNAL_NOP); }, kInvalid,
       VIR_ERR_ARGUMENT_UNSUPPORTED, VIR_ERR_ARGUMENT_UNSUPPORTED},
      {"SendSignalOutOfRange", [](virDomainPtr d) { return send_signal(d, 1, 1000); }, kArgument, kArgument, kArgument},
      {"OpenConsole", [](virDomainPtr d) { return open_console(d, nullptr, 0); }, kInvalid, kOk, kOk},
      {"OpenConsoleByAlias", [](virDomainPtr d) { return open_console(d, "console0", 0); }, kInvalid, kOk, kOk},
      {"OpenConsoleUnknownAlias", [](virDomainPtr d) { return open_console(d, "console7", 0); }, kInvalid,
       VIR_ERR_INTERNAL_ERROR, VIR_ERR_INTERNAL_ERROR},
      {"OpenConsoleUnknownFlag", [](virDomainPtr d) { return open_console(d, nullptr, 1U << 9); }, kArgument, kArgument,
       kArgument},
      {"OpenNamespace", [](virDomainPtr d) { return open_namespaces(d, 0); }, kInvalid, kOk, kOk},
      {"OpenNamespaceUnknownFlag", [](virDomainPtr d) { return open_namespaces(d, 1); }, kArgument, kArgument,
       kArgument},
      {"GetInfo",
       [](virDomainPtr d) {
         virDomainInfo info;
         return code_of(virDomainGetInfo(d, &info));
       },
       kOk, kOk, kOk},
      {"GetState",
       [](virDomainPtr d) {
         int state = 0;
         return code_of(virDomainGetState(d, &state, nullptr, 0));
       },
       kOk, kOk, kOk},
      {"GetStateUnknownFlag",
       [](virDomainPtr d) {
         int state = 0;
         return code_of(virDomainGetState(d, &state, nullptr, 1));
       },
       kArgument, kArgument, kArgument},
      {"GetXmlDesc", [](virDomainPtr d) { return code_of(virDomainGetXMLDesc(d, 0)); }, kOk, kOk, kOk},
      {"GetXmlDescUpdateCpu", [](virDomainPtr d) { return code_of(virDomainGetXMLDesc(d, VIR_DOMAIN_XML_UPDATE_CPU)); },
       kArgument, kArgument, kArgument},
      {"GetMetadataAbsent",
       [](virDomainPtr d) { return code_of(virDomainGetMetadata(d, VIR_DOMAIN_METADATA_DESCRIPTION, nullptr, 0)); },
       VIR_ERR_NO_DOMAIN_METADATA, VIR_ERR_NO_DOMAIN_METADATA, VIR_ERR_NO_DOMAIN_METADATA},
      {"GetAutostart",
       [](virDomainPtr d) {
         int on = 0;
         return code_of(virDomainGetAutostart(d, &on));
       },
       kOk, kOk, kOk},
      {"SetAutostart", [](virDomainPtr d) { return code_of(virDomainSetAutostart(d, 0)); }, kOk, kOk, kOk},
      {"GetOsType", [](virDomainPtr d) { return code_of(virDomainGetOSType(d)); }, kOk, kOk, kOk},
      {"GetMaxMemory", [](virDomainPtr d) { return virDomainGetMaxMemory(d) ? 0 : last_failure().code; }, kOk, kOk,
       kOk},
      {"IsActive", [](virDomainPtr d) { return code_of(virDomainIsActive(d)); }, kOk, kOk, kOk},
      {"IsPersistent", [](virDomainPtr d) { return code_of(virDomainIsPersistent(d)); }, kOk, kOk, kOk},
      {"IsUpdated", [](virDomainPtr d) { return code_of(virDomainIsUpdated(d)); }, kOk, kOk, kOk},
      {"Undefine", [](virDomainPtr d) { return code_of(virDomainUndefine(d)); }, kOk, kOk, kOk},
      {"HasManagedSaveImage", [](virDomainPtr d) { return code_of(virDomainHasManagedSaveImage(d, 0)); }, kOk, kOk,
       kOk},
  };
  return all;
}

class Matrix : public SystemTest, public testing::WithParamInterface<std::tuple<Row, Start>> {
 protected:
  Rootfs root_;
};

TEST_P(Matrix, AnswersAsSpecified) {
  const auto& [row, start] = GetParam();
  DomainXml definition = xml("matrix", root_);
  definition.uuid = "6ba7b812-9dad-11d1-80b4-00c04fd430c8";
  Domain domain = define(definition);
  if (start != Start::ShutOff) {
    ASSERT_TRUE(ok(virDomainCreate(domain)));
    ASSERT_TRUE(wait_for_init(domain));
    ASSERT_TRUE(root_.wait_ready());  // and minds signals
  }
  if (start == Start::Paused) {
    ASSERT_TRUE(ok(virDomainSuspend(domain)));
  }
  const int in_state = start == Start::ShutOff ? row.shut_off : start == Start::Running ? row.running : row.paused;
  const int expected = row.stock_refuses && host().is_stock() ? VIR_ERR_INVALID_ARG : in_state;
  EXPECT_EQ(code_name(row.code(domain)), code_name(expected));
  EXPECT_EQ(virConnectIsAlive(connection_), 1);
  if (expected == kOk) return;
  // A refused call changes nothing.
  const int state = start == Start::ShutOff   ? VIR_DOMAIN_SHUTOFF
                    : start == Start::Running ? VIR_DOMAIN_RUNNING
                                              : VIR_DOMAIN_PAUSED;
  EXPECT_EQ(state_of(domain), state);
}

std::string test_name(const testing::TestParamInfo<std::tuple<Row, Start>>& test) {
  static const char* const starts[] = {"_ShutOff", "_Running", "_Paused"};
  return std::string(std::get<0>(test.param).name) + starts[static_cast<int>(std::get<1>(test.param))];
}

INSTANTIATE_TEST_SUITE_P(Calls, Matrix,
                         testing::Combine(testing::ValuesIn(rows()),
                                          testing::Values(Start::ShutOff, Start::Running, Start::Paused)),
                         test_name);

class TransientTest : public SystemTest {};

TEST_F(TransientTest, HasNoPersistentSide) {
  const Rootfs root;
  const Domain domain = create(xml("transient", root));
  EXPECT_EQ(virDomainIsPersistent(domain), 0);
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_INVALID, virDomainSetAutostart(domain, 1)));
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_INVALID, virDomainUndefine(domain)));
  int autostart = -1;
  EXPECT_TRUE(ok(virDomainGetAutostart(domain, &autostart)));
  EXPECT_EQ(autostart, 0);
}

/// Calls of other drivers: refused by name, on the daemon's side, and the connection lives.
class ForeignCalls : public SystemTest {};

TEST_F(ForeignCalls, AreRefusedAndTheConnectionLives) {
  const Rootfs root;
  const Domain domain = define_and_start(xml("foreign", root));
  virDomainPtr d = domain;
  const std::vector<std::pair<const char*, std::function<int()>>> calls = {
      {"virDomainManagedSave", [&] { return virDomainManagedSave(d, 0); }},
      {"virDomainManagedSaveRemove", [&] { return virDomainManagedSaveRemove(d, 0); }},
      {"virDomainSave", [&] { return virDomainSave(d, "/nowhere/image"); }},
      {"virDomainCoreDump", [&] { return virDomainCoreDump(d, "/nowhere/core", 0); }},
      {"virDomainInjectNMI", [&] { return virDomainInjectNMI(d, 0); }},
      {"virDomainPMWakeup", [&] { return virDomainPMWakeup(d, 0); }},
      {"virDomainBlockJobAbort", [&] { return virDomainBlockJobAbort(d, "vda", 0); }},
      {"virDomainSendKey",
       [&] {
         unsigned key = 30;
         return virDomainSendKey(d, VIR_KEYCODE_SET_LINUX, 10, &key, 1, 0);
       }},
      {"virDomainSnapshotNum", [&] { return virDomainSnapshotNum(d, 0); }},
  };
  for (const auto& [name, call] : calls) {
    EXPECT_TRUE(fails_with(VIR_ERR_NO_SUPPORT, call())) << name;
    EXPECT_NE(last_failure().message.find(name), std::string::npos) << last_failure().message;
  }
  EXPECT_EQ(virConnectIsAlive(connection_), 1);
  EXPECT_EQ(state_of(domain), VIR_DOMAIN_RUNNING);
}

}  // namespace
