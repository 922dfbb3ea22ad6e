// A bridge that can take no more ports.
#include "support/fixture.hpp"
#include "support/wire.hpp"

namespace {

using namespace support;

class FullBridgeTest : public SystemTest {};

TEST_F(FullBridgeTest, L1_AFullBridgeSaysSo) {
  SKIP_ON_STOCK("these are ours to promise");
  const Bridge bridge;
  const Wire wire;
  // As many as the kernel takes: pairs with both ends in the bridge, until it says no.
  std::string batch;
  const std::string port = prefix() + "p";
  for (int i = 0; i < 512; ++i)
    batch += "link add " + port + std::to_string(i) + " master " + bridge.name() + " type veth peer name " + port +
             std::to_string(i + 512) + "\nlink set " + port + std::to_string(i + 512) + " master " + bridge.name() +
             "\n";
  const std::string file = make_folder("ports") + "/batch";
  write_text(file, batch);
  shell("ip -batch " + file);
  const auto full = bridge.ports().size();
  EXPECT_GE(full, 1023U);
  Rootfs root;
  DomainXml definition = xml("full", root);
  definition.private_network = false;
  definition.devices = "    <interface type='direct'>\n      <source dev='" + wire.name() +
                       "' mode='bridge'/>\n    </interface>\n" +
                       bridge_interface(bridge.name(), "", "      <target dev='" + port + "x'/>\n");
  const Domain domain = define(definition);
  EXPECT_EQ(virDomainCreate(domain), -1);
  EXPECT_NE(last_failure().message.find("as many ports as a bridge can have"), std::string::npos)
      << describe(last_failure());
  EXPECT_FALSE(exists("/sys/class/net/" + port + "x"));
  EXPECT_EQ(bridge.ports().size(), full);
  batch.clear();
  for (int i = 0; i < 512; ++i) batch += "link del " + port + std::to_string(i) + "\n";
  write_text(file, batch);
  shell("ip -batch " + file);
}

}  // namespace
