// What clients get of libvirt's other drivers while none of their daemons is there.
#include <algorithm>
#include <cerrno>

#include "driver/harness.hpp"
#include "rpc/protocol.hpp"

namespace test {
namespace {

class SiblingsTest : public DaemonFixture {};

TEST_F(SiblingsTest, ListsAndCountsAreEmpty) {
  virNetworkPtr* networks = nullptr;
  EXPECT_EQ(virConnectListAllNetworks(conn_, &networks, 0), 0);
  free(networks);
  virNWFilterBindingPtr* bindings = nullptr;
  EXPECT_EQ(virConnectListAllNWFilterBindings(conn_, &bindings, 0), 0);
  free(bindings);
  char* name = nullptr;
  for (const auto count : {virConnectNumOfNetworks, virConnectNumOfDefinedNetworks, virConnectNumOfStoragePools,
                           virConnectNumOfDefinedStoragePools, virConnectNumOfNWFilters, virConnectNumOfSecrets,
                           virConnectNumOfInterfaces, virConnectNumOfDefinedInterfaces})
    EXPECT_EQ(count(conn_), 0) << virGetLastErrorMessage();
  for (const auto list : {virConnectListNetworks, virConnectListDefinedNetworks, virConnectListStoragePools,
                          virConnectListDefinedStoragePools, virConnectListNWFilters, virConnectListSecrets,
                          virConnectListInterfaces, virConnectListDefinedInterfaces})
    EXPECT_EQ(list(conn_, &name, 1), 0) << virGetLastErrorMessage();
  EXPECT_EQ(virNodeNumOfDevices(conn_, nullptr, 0), 0);
  EXPECT_EQ(virNodeListDevices(conn_, nullptr, &name, 1, 0), 0);
}

TEST_F(SiblingsTest, OtherCallsFailAndNameTheDaemon) {
  EXPECT_EQ(virNetworkLookupByName(conn_, "default"), nullptr);
  const virErrorPtr error = virGetLastError();
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->code, VIR_ERR_SYSTEM_ERROR);
  EXPECT_EQ(error->domain, VIR_FROM_RPC);
  EXPECT_EQ(error->int1, ENOENT);
  EXPECT_NE(std::string(error->message).find("start virtnetworkd or libvirtd"), std::string::npos) << error->message;
  EXPECT_EQ(virStoragePoolLookupByName(conn_, "default"), nullptr);
  EXPECT_NE(std::string(virGetLastErrorMessage()).find("virtstoraged"), std::string::npos) << virGetLastErrorMessage();
}

// A tool that is refused looks for itself now and then, and so finds the daemon when it comes.
TEST_F(SiblingsTest, EventsAreNotPromised) {
  const virConnectNetworkEventLifecycleCallback ignore = [](virConnectPtr, virNetworkPtr, int, int, void*) {};
  EXPECT_EQ(virConnectNetworkEventRegisterAny(conn_, nullptr, VIR_NETWORK_EVENT_ID_LIFECYCLE,
                                              VIR_NETWORK_EVENT_CALLBACK(ignore), nullptr, nullptr),
            -1);
}

TEST_F(SiblingsTest, AReadOnlyClientIsRefusedBeforeAnybodyIsAsked) {
  const virConnectPtr reader = daemon_.connect(true);
  ASSERT_NE(reader, nullptr);
  EXPECT_EQ(virNetworkDefineXML(reader, "<network/>"), nullptr);
  EXPECT_EQ(virGetLastError()->code, VIR_ERR_OPERATION_DENIED);
  EXPECT_EQ(virConnectNumOfNetworks(reader), 0);
  virConnectClose(reader);
}

// Detaching a device from the host is the hypervisor's business; finding it is not.
TEST(SubdriverTest, IsTheTablesColumn) {
  const auto subdriver = [](std::int32_t number) {
    const auto all = rpc::procedures();
    return std::ranges::find_if(
               all, [&](const auto& info) { return info.program == rpc::kRemoteProgram && info.number == number; })
        ->subdriver;
  };
  EXPECT_EQ(subdriver(rpc::proc::NodeDeviceDettach::kNumber), rpc::Subdriver::None);
  EXPECT_EQ(subdriver(rpc::proc::NodeDeviceLookupByName::kNumber), rpc::Subdriver::NodeDevice);
  EXPECT_EQ(subdriver(rpc::proc::StorageVolUpload::kNumber), rpc::Subdriver::Storage);
  EXPECT_EQ(subdriver(rpc::proc::NetworkPortCreateXml::kNumber), rpc::Subdriver::Network);
  EXPECT_EQ(subdriver(rpc::proc::NwfilterBindingCreateXml::kNumber), rpc::Subdriver::Nwfilter);
  EXPECT_EQ(subdriver(rpc::proc::DomainCreate::kNumber), rpc::Subdriver::None);
}

}  // namespace
}  // namespace test
