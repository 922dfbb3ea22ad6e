// Every procedure of the REMOTE, LXC and QEMU programs, sent as packets by a client of the read-only socket and by one
// that opened read-only: what changes anything is refused, and nothing has changed in the end.
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "driver/harness.hpp"
#include "rpc/protocol_visit.gen.hpp"
#include "rpc/raw_client.hpp"

namespace test {
namespace {

namespace proc = rpc::proc;

const rpc::ProcedureInfo& facts(std::uint32_t program, std::int32_t number) {
  for (const auto& info : rpc::procedures())
    if (info.program == program && info.number == number) return info;
  throw std::runtime_error("no such procedure");
}

/// Every file below a folder with what is in it.
std::map<std::string, std::string> files_below(const std::string& folder) {
  std::map<std::string, std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    std::ostringstream text;
    if (entry.is_regular_file()) text << std::ifstream(entry.path()).rdbuf();
    found[entry.path()] = text.str();
  }
  return found;
}

class ReadOnlyWalk : public DaemonFixture, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    DaemonFixture::SetUp();
    idle_ = define(domain_xml("idle", "<title>idle</title>"));
    running_ = define(domain_xml("running"));
    ASSERT_EQ(virDomainCreate(running_), 0);
    ASSERT_EQ(virDomainSetAutostart(idle_, 1), 0);  // after this every definition is in its file
  }

  /// All that a client could have changed.
  std::string state() {
    std::ostringstream text;
    for (const virDomainPtr domain : {idle_, running_}) {
      for (const unsigned flags : {0u, static_cast<unsigned>(VIR_DOMAIN_XML_INACTIVE)}) {
        char* xml = virDomainGetXMLDesc(domain, flags);
        text << (xml ? xml : "gone") << '\n';
        std::free(xml);
      }
      int domain_state = -1, reason = -1, autostart = -1;
      virDomainGetState(domain, &domain_state, &reason, 0);
      virDomainGetAutostart(domain, &autostart);
      text << domain_state << ' ' << reason << ' ' << autostart << ' ' << virDomainIsPersistent(domain) << '\n';
    }
    text << virConnectNumOfDomains(conn_) << ' ' << virConnectNumOfDefinedDomains(conn_) << ' '
         << daemon_.world().starts << '\n';
    return text.str();
  }

  rpc_test::RawClient client() {
    auto made = rpc_test::RawClient::connect(GetParam() ? daemon_.paths().socket_ro : daemon_.paths().socket_rw);
    made.open(!GetParam());
    return made;
  }

  /// The smallest arguments that decode, about this domain where there is one.
  template <typename Args>
  static Args arguments(virDomainPtr domain) {
    Args args{};
    if constexpr (requires { args.dom.uuid; }) {
      virDomainGetUUID(domain, args.dom.uuid.data());
      args.dom.name = virDomainGetName(domain);
    }
    return args;
  }

  virDomainPtr idle_ = nullptr, running_ = nullptr;
};

TEST_P(ReadOnlyWalk, NothingChanges) {
  const std::string before = state();
  const auto definitions = files_below(daemon_.paths().definitions);
  const auto live = files_below(daemon_.paths().run);
  auto raw = client();
  int refused = 0, allowed = 0;
  for (const virDomainPtr domain : {idle_, running_}) {
    rpc::visit_procedures([&](auto tag) {
      using P = decltype(tag);
      const auto& info = facts(P::kProgram, P::kNumber);
      if (info.program == rpc::kAdminProgram || std::is_same_v<P, proc::ConnectClose>) return;
      raw.call<P>(arguments<typename P::Args>(domain));
      const auto reply = raw.expect();
      if (info.read_only != rpc::ReadOnlyAccess::Refused) {
        ++allowed;
        if (reply.header.is(rpc::NetMessageStatus::Error)) {
          EXPECT_NE(rpc_test::decoded<rpc::NetMessageError>(reply.payload).code, VIR_ERR_OPERATION_DENIED) << info.name;
        }
        return;
      }
      ++refused;
      ASSERT_TRUE(reply.header.is(rpc::NetMessageStatus::Error)) << info.name;
      const auto error = rpc_test::decoded<rpc::NetMessageError>(reply.payload);
      EXPECT_EQ(error.code, VIR_ERR_OPERATION_DENIED) << info.name;
      EXPECT_EQ(error.message, std::string("operation forbidden: read only access prevents ") + info.api);
    });
  }
  EXPECT_EQ(refused, 2 * 211) << "what the table says";
  EXPECT_GT(allowed, 2 * 150);
  EXPECT_EQ(state(), before);
  EXPECT_EQ(files_below(daemon_.paths().definitions), definitions);
  EXPECT_EQ(files_below(daemon_.paths().run), live);
}

// What a read-only client may ask only in part.
TEST_P(ReadOnlyWalk, NorAreSecretsShown) {
  auto raw = client();
  for (const std::uint32_t flags : {1u, 8u, 9u}) {  // SECURE, MIGRATABLE
    auto args = arguments<rpc::DomainGetXmlDescArgs>(idle_);
    args.flags = flags;
    raw.call<proc::DomainGetXmlDesc>(args);
    EXPECT_EQ(raw.expect_error().code, VIR_ERR_OPERATION_DENIED) << flags;
  }
  auto addresses = arguments<rpc::DomainInterfaceAddressesArgs>(idle_);
  addresses.source = VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT;
  raw.call<proc::DomainInterfaceAddresses>(addresses);
  EXPECT_EQ(raw.expect_error().code, VIR_ERR_OPERATION_DENIED);
}

INSTANTIATE_TEST_SUITE_P(By, ReadOnlyWalk, testing::Bool(),
                         [](const testing::TestParamInfo<bool>& test) { return test.param ? "Socket" : "Flag"; });

// The one secret a container's XML may have, a display's password, is not even kept: there is no display.
TEST_F(DaemonFixture, APasswordIsKeptNowhere) {
  const std::string xml =
      "<domain type='lxc'><name>display</name><memory>65536</memory><os><type>exe</type><init>/bin/sh</init>"
      "</os><devices><graphics type='vnc' passwd='S3cret'/><video><model type='vga'/></video></devices></domain>";
  const virDomainPtr domain = define(xml);
  char* shown = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_SECURE);
  EXPECT_EQ(std::string(shown).find("S3cret"), std::string::npos);
  std::free(shown);
  for (const auto& [path, text] : files_below(daemon_.paths().root))
    EXPECT_EQ(text.find("S3cret"), std::string::npos) << path;
}

// Whoever adds a call says who may make it.
TEST(Permissions, EveryCallThatIsAnsweredHasThem) {
  DaemonInProcess daemon;
  int answered = 0;
  for (const auto& info : rpc::procedures()) {
    const auto* const entry = daemon.table().find(info.program, info.number);
    if (!entry || !entry->handler || entry->route || info.is_event) continue;
    ++answered;
    EXPECT_TRUE(info.permissions_known) << info.name << " has no row in rpc/protocol/permissions.tsv";
    for (const auto& permission : info.permissions)
      EXPECT_TRUE(permission.object == "domain" || permission.object == "connect") << info.name;
  }
  EXPECT_GT(answered, 100);
}

}  // namespace
}  // namespace test
