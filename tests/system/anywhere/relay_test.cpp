// What belongs to libvirt's other drivers, asked through our socket: by stock's virsh, beside a stock libvirtd.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <mutex>
#include <sstream>
#include <vector>

#include "support/beside_libvirtd.hpp"

namespace {

using namespace support;

constexpr std::size_t kVolumeBytes = 8u << 20;

/// Lines with something on them, without the table's head.
std::vector<std::string> rows(const std::string& table) {
  std::vector<std::string> lines;
  std::istringstream text(table);
  for (std::string line; std::getline(text, line);)
    if (line.find_first_not_of(" -") != std::string::npos) lines.push_back(line);
  std::ranges::sort(lines);
  return lines;
}

class RelaySystemTest : public BesideLibvirtd {
 protected:
  static std::string network_xml(const std::string& name) {
    return "<network><name>" + name + "</name><bridge name='" + prefix() +
           "r'/><ip address='10.214.201.1' netmask='255.255.255.0'/></network>";
  }
};

struct SeenEvents {
  std::mutex mutex;
  std::vector<int> types;
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return types.size();
  }
};

/// The registration's number.
int watch_networks(virConnectPtr connection, SeenEvents& seen) {
  const virConnectNetworkEventLifecycleCallback call = [](virConnectPtr, virNetworkPtr, int event, int, void* opaque) {
    auto& all = *static_cast<SeenEvents*>(opaque);
    const std::lock_guard lock(all.mutex);
    all.types.push_back(event);
  };
  return virConnectNetworkEventRegisterAny(connection, nullptr, VIR_NETWORK_EVENT_ID_LIFECYCLE,
                                           VIR_NETWORK_EVENT_CALLBACK(call), &seen, nullptr);
}

TEST_F(RelaySystemTest, ListsAreThoseOfTheOtherDrivers) {
  const std::string secret = write("secret.xml",
                                   "<secret ephemeral='yes'><description>s</description><usage type='volume'>"
                                   "<volume>/relay/secret</volume></usage></secret>");
  const std::string filter = write("filter.xml", "<filter name='relay-filter'/>");
  ASSERT_EQ(virsh_of(libvirtd_->uri("secret"), {"secret-define", secret}).status, 0);
  ASSERT_EQ(virsh_of(libvirtd_->uri("nwfilter"), {"nwfilter-define", filter}).status, 0);
  const struct {
    const char* driver;
    std::vector<std::string> command;
    const char* expected;  // a word of the list, where the test knows one
  } lists[] = {{"network", {"net-list", "--all"}, ""},      {"storage", {"pool-list", "--all"}, ""},
               {"nodedev", {"nodedev-list"}, "computer"},   {"nwfilter", {"nwfilter-list"}, "relay-filter"},
               {"nwfilter", {"nwfilter-binding-list"}, ""}, {"secret", {"secret-list"}, "/relay/secret"},
               {"interface", {"iface-list", "--all"}, ""}};
  for (const auto& list : lists) {
    const std::string through_us = virsh(list.command);
    const Output directly = virsh_of(libvirtd_->uri(list.driver), list.command);
    // Not every distribution builds every driver; a list of nothing is ours then.
    const auto expected = directly.status == 0 ? rows(directly.text) : decltype(rows(""))();
    EXPECT_EQ(rows(through_us), expected) << list.command[0];
    EXPECT_NE(through_us.find(list.expected), std::string::npos) << list.command[0] << ": " << through_us;
  }
}

TEST_F(RelaySystemTest, ANetworkIsDefinedStartedUpdatedAndRemoved) {
  virsh({"net-define", write("network.xml", network_xml("relayed"))});
  virsh({"net-start", "relayed"});
  EXPECT_NE(virsh_of(libvirtd_->uri("network"), {"net-list", "--name"}).text.find("relayed"), std::string::npos);
  // Its arguments come in another order from clients that believe the daemon to be old.
  virsh({"net-update", "relayed", "add-last", "dns-host",
         "<host ip='10.214.201.9'><hostname>by-update</hostname></host>", "--live"});
  EXPECT_NE(virsh({"net-dumpxml", "relayed"}).find("by-update"), std::string::npos);
  virsh({"net-destroy", "relayed"});
  virsh({"net-undefine", "relayed"});
  EXPECT_EQ(virsh_of(libvirtd_->uri("network"), {"net-list", "--all", "--name"}).text.find("relayed"),
            std::string::npos);
}

TEST_F(RelaySystemTest, AnErrorIsTheOtherDaemonsOwn) {
  const Connection ours = connect();
  const Connection theirs(virConnectOpen(libvirtd_->uri("network").c_str()));
  EXPECT_FALSE(Network(virNetworkLookupByName(theirs, "nowhere")));
  const auto expected = last_failure();
  EXPECT_FALSE(Network(virNetworkLookupByName(ours, "nowhere")));
  EXPECT_EQ(last_failure().code, VIR_ERR_NO_NETWORK);
  EXPECT_EQ(last_failure().message, expected.message);
}

TEST_F(RelaySystemTest, AVolumeComesBackAsItWasSent) {
  const std::string folder = make_folder("pool");
  std::string content(kVolumeBytes, '\0');
  std::uint64_t state = 88172645463325252u;
  for (char& byte : content) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    byte = static_cast<char>(state);
  }
  const std::string sent = write("volume", content);
  const std::string got = make_folder("pool-file") + "/got";
  virsh({"pool-create-as", "relayed-pool", "dir", "--target", folder});
  virsh({"vol-create-as", "relayed-pool", "volume", std::to_string(kVolumeBytes) + "B"});
  virsh({"vol-upload", "--pool", "relayed-pool", "volume", sent});
  EXPECT_TRUE(read_text(folder + "/volume") == content);
  virsh({"vol-download", "--pool", "relayed-pool", "volume", got});
  EXPECT_TRUE(read_text(got) == content);
  // Holes pass too.
  write_text(folder + "/sparse", "");
  ASSERT_EQ(::truncate((folder + "/sparse").c_str(), kVolumeBytes), 0);
  virsh({"pool-refresh", "relayed-pool"});
  virsh({"vol-download", "--sparse", "--pool", "relayed-pool", "sparse", got});
  EXPECT_TRUE(read_text(got) == std::string(kVolumeBytes, '\0'));
  virsh({"pool-destroy", "relayed-pool"});
}

TEST_F(RelaySystemTest, AReadOnlyClientChangesNothing) {
  const std::string network = write("network.xml", network_xml("read-only"));
  for (const auto& socket : {daemon_->socket(), daemon_->socket() + "-ro"}) {
    const std::string uri = "lxcell:///system?socket=" + socket;
    const Output output = run({"virsh", "-r", "-c", uri, "net-define", network});
    EXPECT_NE(output.status, 0);
    EXPECT_NE(output.text.find("read only access"), std::string::npos) << output.text;
    EXPECT_EQ(run({"virsh", "-r", "-c", uri, "nodedev-list"}).status, 0);
  }
  EXPECT_EQ(virsh({"net-list", "--all", "--name"}).find("read-only"), std::string::npos);
}

TEST_F(RelaySystemTest, EventsArrive) {
  const Connection connection = connect();
  SeenEvents seen;
  const int id = watch_networks(connection, seen);
  ASSERT_GE(id, 0) << last_failure().message;
  const Network network(virNetworkDefineXML(connection, network_xml("event").c_str()));
  ASSERT_TRUE(network) << last_failure().message;
  ASSERT_TRUE(ok(virNetworkCreate(network)));
  ASSERT_TRUE(ok(virNetworkDestroy(network)));
  ASSERT_TRUE(ok(virNetworkUndefine(network)));
  EXPECT_TRUE(eventually([&] { return seen.count() >= 4; }));
  EXPECT_TRUE(ok(virConnectNetworkEventDeregisterAny(connection, id)));
  const std::lock_guard lock(seen.mutex);
  EXPECT_EQ(seen.types, (std::vector<int>{VIR_NETWORK_EVENT_DEFINED, VIR_NETWORK_EVENT_STARTED,
                                          VIR_NETWORK_EVENT_STOPPED, VIR_NETWORK_EVENT_UNDEFINED}));
}

TEST_F(RelaySystemTest, EventsArriveAgainAfterTheOtherDaemonsRestart) {
  const Connection connection = connect();
  SeenEvents seen;
  const int id = watch_networks(connection, seen);
  ASSERT_GE(id, 0) << last_failure().message;
  libvirtd_->kill();
  libvirtd_->start();
  // Nobody asks anything through this connection; it is registered again within a moment.
  const std::string file = write("network.xml", network_xml("again"));
  EXPECT_TRUE(eventually([&] {
    virsh_of(libvirtd_->uri("network"), {"net-define", file});
    virsh_of(libvirtd_->uri("network"), {"net-undefine", "again"});
    return seen.count() > 0;
  }));
  EXPECT_TRUE(ok(virConnectNetworkEventDeregisterAny(connection, id)));
}

/// As on a host where each driver has a daemon of its own and only that of the networks runs.
TEST_F(RelaySystemTest, ADriversOwnDaemonIsFoundByTheNameOfItsSocket) {
  const std::string root = make_folder("modular");
  for (const std::string end : {"-sock", "-sock-ro"})
    std::filesystem::create_symlink(libvirtd_->sockets() + "/libvirt" + end, root + "/virtnetworkd" + end);
  write_text(root + "/lxcell.conf", "sibling_socket_dir = \"" + root + "\"\n");
  Daemon daemon(root, {"--config", root + "/lxcell.conf"}, libvirtd_->entrance());
  daemon.start();
  const Output defined = virsh_of(daemon.uri(), {"net-define", write("network.xml", network_xml("modular"))});
  EXPECT_EQ(defined.status, 0) << defined.text;
  EXPECT_NE(virsh_of(daemon.uri(), {"net-list", "--all"}).text.find("modular"), std::string::npos);
  EXPECT_NE(run({"virsh", "-q", "-r", "-c", "lxcell:///system?socket=" + daemon.socket() + "-ro", "net-list", "--all"})
                .text.find("modular"),
            std::string::npos);
  EXPECT_EQ(virsh_of(daemon.uri(), {"net-undefine", "modular"}).status, 0);
  EXPECT_EQ(rows(virsh_of(daemon.uri(), {"pool-list", "--all"}).text), rows(""));
  EXPECT_NE(virsh_of(daemon.uri(), {"pool-info", "default"}).text.find("virtstoraged"), std::string::npos);
}

TEST_F(RelaySystemTest, ADaemonKilledDuringCallsFailsThemAlone) {
  const Connection connection = connect();
  ASSERT_GE(virConnectNumOfNetworks(connection), 0) << last_failure().message;
  ASSERT_EQ(::kill(libvirtd_->pid(), SIGSTOP), 0);
  std::promise<pid_t> asking;
  auto call = std::async(std::launch::async, [&] {
    asking.set_value(::gettid());
    return virConnectNumOfNetworks(connection) < 0 ? last_failure().code : 0;
  });
  // It sleeps when it has asked.
  const std::string state = "/proc/self/task/" + std::to_string(asking.get_future().get()) + "/stat";
  ASSERT_TRUE(eventually([&] { return read_text(state).find(") S ") != std::string::npos; }));
  // Others are served, and so is this one.
  EXPECT_GE(virConnectNumOfDomains(connection), 0);
  EXPECT_GE(virConnectNumOfDomains(connect()), 0);
  libvirtd_->kill();
  EXPECT_EQ(call.get(), VIR_ERR_SYSTEM_ERROR);
  EXPECT_GE(virConnectNumOfDomains(connection), 0);
  EXPECT_EQ(virConnectNumOfNetworks(connection), 0);  // nobody there: none
  libvirtd_->start();
  EXPECT_TRUE(Network(virNetworkDefineXML(connection, network_xml("again").c_str()))) << last_failure().message;
  virsh({"net-undefine", "again"});
}

TEST_F(RelaySystemTest, AClientThatDisappearsDuringAnUploadIsForgotten) {
  const std::string folder = make_folder("pool");
  virsh({"pool-create-as", "gone-pool", "dir", "--target", folder});
  virsh({"vol-create-as", "gone-pool", "volume", "64M"});
  const auto descriptors = [&] {
    const auto all = std::filesystem::directory_iterator("/proc/" + std::to_string(daemon_->pid()) + "/fd");
    return std::distance(begin(all), end(all));
  };
  // The first relay of this daemon may keep things of its own open: logs, say.
  const auto before = descriptors();
  for (int i = 0; i < 5; ++i) {
    const Output left = run({"timeout", "-s", "KILL", "0.3", "virsh", "-c", daemon_->uri(), "vol-upload", "--pool",
                             "gone-pool", "volume", "/dev/zero"});
    EXPECT_NE(left.status, 0) << left.text;
  }
  EXPECT_TRUE(eventually([&] { return descriptors() <= before; })) << before << " before, " << descriptors() << " now";
  virsh({"pool-destroy", "gone-pool"});
}

}  // namespace
