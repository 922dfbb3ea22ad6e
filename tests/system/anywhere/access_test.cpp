// Who may use the daemon, and for what: polkit's word on connections (auth_unix_*) and on every call and domain
// (access_drivers), asked by clients of another user through libvirt's own client library.
#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <optional>

#include "base/pid_fd.hpp"
#include "support/bus_proxy.hpp"
#include "support/fixture.hpp"
#include "support/polkit.hpp"

namespace {

using namespace support;
using testing::HasSubstr;

class AccessTest : public testing::Test {
 protected:
  void SetUp() override {
    NEEDS_OWN_DAEMON();
    if (const auto why = Polkit::missing(); !why.empty()) GTEST_SKIP() << why;
  }

  void start(const std::string& rules, const std::string& config) {
    polkit_.emplace(rules);
    const std::string root = make_folder("access");
    std::filesystem::permissions(root, std::filesystem::perms{0755});
    write_text(root + "/daemon.conf", config + "unix_sock_rw_perms = \"0777\"\n");
    bus_.emplace(polkit_->bus());
    daemon_.emplace(root, std::vector<std::string>{"--config", root + "/daemon.conf"}, bus_->entrance());
    daemon_->start();
    root_client_ = Connection(virConnectOpen(daemon_->uri().c_str()));
    ASSERT_TRUE(root_client_) << describe(last_failure());
  }

  static DomainXml named(const std::string& word) {
    DomainXml xml;
    xml.name = own_name(word);
    return xml;
  }

  Domain define(const std::string& word) {
    Domain domain(virDomainDefineXML(root_client_, named(word).text().c_str()));
    EXPECT_TRUE(domain) << describe(last_failure());
    return domain;
  }

  std::string uri(const std::string& suffix = "") const { return daemon_->uri() + suffix; }
  Output nobody(std::vector<std::string> words) const { return as_nobody(uri(), std::move(words)); }
  static Output as_nobody(const std::string& uri, std::vector<std::string> words) {
    words.insert(words.begin(), {"virsh", "--quiet", "-c", uri});
    return run_as_nobody(words);
  }

  std::optional<Polkit> polkit_;
  std::optional<BusProxy> bus_;
  std::optional<Daemon> daemon_;
  Connection root_client_;
};

constexpr const char* kAuthByPolkit = "auth_unix_rw = \"polkit\"\nauth_unix_ro = \"polkit\"\n";
constexpr const char* kAccessByPolkit = "access_drivers = [ \"polkit\" ]\n";

TEST_F(AccessTest, PolkitDecidesWhoMayConnect) {
  start(R"(polkit.addRule(function(action, subject) {
    if (action.id == "org.libvirt.unix.monitor" && subject.user == "nobody") return polkit.Result.YES;
    return polkit.Result.NO;
  });)",
        kAuthByPolkit);
  const Output looking = as_nobody(uri("-ro"), {"list", "--all"});
  EXPECT_EQ(looking.status, 0) << looking.text;
  const Output managing = nobody({"list", "--all"});
  EXPECT_EQ(managing.status, 1);
  EXPECT_THAT(managing.text, HasSubstr("authentication failed: access denied by policy"));
  EXPECT_EQ(virConnectNumOfDomains(root_client_), 0) << "root is not asked";
}

TEST_F(AccessTest, APasswordNobodyCanAskFor) {
  start("polkit.addRule(function(action, subject) { return polkit.Result.AUTH_ADMIN; });", kAuthByPolkit);
  EXPECT_THAT(nobody({"list"}).text, HasSubstr("authentication unavailable: no polkit agent available to authenticate "
                                               "action 'org.libvirt.unix.manage'"));
}

TEST_F(AccessTest, WithoutPolkitOnlyRoot) {
  start("polkit.addRule(function(action, subject) { return polkit.Result.YES; });", kAuthByPolkit);
  EXPECT_EQ(nobody({"list"}).status, 0);
  polkit_->kill();
  const Output refused = nobody({"list"});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.text, HasSubstr("error from service: org.freedesktop.DBus.Error"));
  EXPECT_TRUE(Connection(virConnectOpen(uri().c_str()))) << describe(last_failure());
}

constexpr const char* kSeesOneDomain = R"(polkit.addRule(function(action, subject) {
    if (action.lookup("connect_driver") != "LXC") return polkit.Result.NO;
    if (action.id.indexOf("org.libvirt.api.domain.") == 0)
      return /-mine$/.test(action.lookup("domain_name")) && /^[-0-9a-f]{36}$/.test(action.lookup("domain_uuid")) &&
             action.id != "org.libvirt.api.domain.delete" && action.id != "org.libvirt.api.domain.read-secure"
        ? polkit.Result.YES : polkit.Result.NO;
    return polkit.Result.NOT_HANDLED;
  });)";

TEST_F(AccessTest, EachDomainAndOperationByItself) {
  start(kSeesOneDomain, kAccessByPolkit);
  const Domain mine = define("mine"), other = define("other");
  const std::string mine_name = own_name("mine"), other_name = own_name("other");
  const auto denied = [&](std::vector<std::string> words) {
    const Output output = nobody(words);
    EXPECT_EQ(output.status, 1) << words.front();
    EXPECT_THAT(output.text, HasSubstr("access denied: 'LXC' denied access")) << words.front();
  };
  const std::string list = nobody({"list", "--all", "--name"}).text;
  EXPECT_THAT(list, HasSubstr(mine_name));
  EXPECT_EQ(list.find(other_name), std::string::npos) << list;
  EXPECT_EQ(nobody({"domstats", "--state"}).text.find(other_name), std::string::npos);
  EXPECT_THAT(nobody({"domstats", "--state"}).text, HasSubstr(mine_name));
  EXPECT_EQ(nobody({"dominfo", mine_name}).status, 0);
  for (const std::string& wanted : {other_name, uuid_of(other)})  // virsh keeps the reason to itself
    EXPECT_THAT(nobody({"dominfo", wanted}).text, HasSubstr("failed to get domain"));
  // The rules allow what libvirt's defaults do not: writing and saving.
  EXPECT_EQ(nobody({"desc", mine_name, "--config", "--title", "changed"}).status, 0);
  EXPECT_EQ(nobody({"dumpxml", mine_name}).status, 0);
  denied({"dumpxml", "--security-info", mine_name});
  denied({"undefine", mine_name});
}

/// For whom libvirt's proxy daemon says that it asks.
class Identity {
 public:
  Identity() = default;
  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;
  ~Identity() { virTypedParamsFree(list_, count_); }
  Identity& process(uid_t uid, pid_t pid) {
    virTypedParamsAddULLong(&list_, &count_, &capacity_, VIR_CONNECT_IDENTITY_UNIX_USER_ID, uid);
    virTypedParamsAddLLong(&list_, &count_, &capacity_, VIR_CONNECT_IDENTITY_PROCESS_ID, pid);
    virTypedParamsAddULLong(&list_, &count_, &capacity_, VIR_CONNECT_IDENTITY_PROCESS_TIME,
                            base::process_start_time(pid));
    return *this;
  }
  Identity& sasl(const char* name) {
    virTypedParamsAddString(&list_, &count_, &capacity_, VIR_CONNECT_IDENTITY_SASL_USER_NAME, name);
    return *this;
  }
  int set(virConnectPtr connection) const { return virConnectSetIdentity(connection, list_, count_, 0); }

 private:
  virTypedParameterPtr list_ = nullptr;
  int count_ = 0, capacity_ = 0;
};

TEST_F(AccessTest, RootMaySpeakForSomebodyElse) {
  start(kSeesOneDomain, kAccessByPolkit);
  const Domain mine = define("mine"), other = define("other");
  EXPECT_EQ(virConnectNumOfDefinedDomains(root_client_), 2);
  ASSERT_EQ(Identity().process(65534, ::getpid()).set(root_client_), 0) << describe(last_failure());
  EXPECT_EQ(virConnectNumOfDefinedDomains(root_client_), 1);
  EXPECT_EQ(virDomainCreate(other), -1);
  EXPECT_EQ(last_failure().code, VIR_ERR_ACCESS_DENIED);
}

TEST_F(AccessTest, WhoIsNoProcessHereIsDenied) {
  start(kSeesOneDomain, kAccessByPolkit);
  const Domain mine = define("mine");
  ASSERT_EQ(Identity().sasl("anna@EXAMPLE").set(root_client_), 0) << describe(last_failure());
  EXPECT_EQ(virDomainIsActive(mine), -1);
  EXPECT_EQ(last_failure().code, VIR_ERR_ACCESS_DENIED);
}

TEST_F(AccessTest, OnlyRootMaySpeakForSomebodyElse) {
  start("", "");
  const Output refused = run_as_nobody({"/usr/bin/python3", "-c",
                                        "import libvirt, sys\n"
                                        "libvirt.open(sys.argv[1]).setIdentity({'unix-user-id': 0})",
                                        uri()});
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.text, HasSubstr("only root may speak for somebody else"));
}

TEST_F(AccessTest, DefaultsAreReading) {
  start("", kAccessByPolkit);
  const Domain domain = define("seen");
  EXPECT_THAT(nobody({"list", "--all", "--name"}).text, HasSubstr(own_name("seen")));
  EXPECT_EQ(nobody({"dominfo", own_name("seen")}).status, 0);
  const std::string file = daemon_->root() + "/new.xml";
  write_text(file, named("new"));
  for (const auto& words : std::vector<std::vector<std::string>>{{"start", own_name("seen")},
                                                                 {"define", file},
                                                                 {"create", file},
                                                                 {"undefine", own_name("seen")},
                                                                 {"autostart", own_name("seen")},
                                                                 {"setmem", own_name("seen"), "65536", "--config"}})
    EXPECT_THAT(nobody(words).text, HasSubstr("access denied: 'LXC' denied access")) << words.front();
  EXPECT_EQ(virConnectNumOfDefinedDomains(root_client_), 1);
  EXPECT_EQ(virDomainUndefine(domain), 0) << "root is not asked";
}

// virsh ends with the first event it sees: were those of the other domain not held back, it would be one of these.
TEST_F(AccessTest, EventsOfDomainsThatMayNotBeSeen) {
  start(kSeesOneDomain, kAccessByPolkit);
  for (int round = 0; round < 3; ++round) {
    std::atomic<bool> ended = false;
    auto listener = std::async(std::launch::async, [&] {
      const Output output = nobody({"event", "--event", "lifecycle", "--timeout", "60"});
      ended = true;
      return output;
    });
    while (!ended) {
      virDomainUndefine(define("other"));
      virDomainUndefine(define("mine"));
    }
    const Output output = listener.get();
    EXPECT_EQ(output.status, 0) << output.text;
    EXPECT_THAT(output.text, HasSubstr(own_name("mine")));
    EXPECT_EQ(output.text.find(own_name("other")), std::string::npos) << output.text;
  }
}

TEST_F(AccessTest, APolkitThatHangsHoldsUpOnlyWhoIsAskedAbout) {
  start("polkit.addRule(function(action, subject) { return polkit.Result.YES; });", kAccessByPolkit);
  const Domain domain = define("seen");
  polkit_->hang();
  std::atomic<bool> ended = false;
  auto waiting = std::async(std::launch::async, [&] {
    const Output output = nobody({"list", "--all", "--name"});
    ended = true;
    return output;
  });
  // Calls of every kind are answered meanwhile: on the loop and on workers.
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(virConnectNumOfDefinedDomains(root_client_), 1);
    EXPECT_EQ(virDomainSetAutostart(domain, i % 2), 0);
  }
  EXPECT_FALSE(ended);
  const Output refused = waiting.get();  // ten seconds, and a client is told
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.text, HasSubstr("access denied: 'LXC' denied access"));
  polkit_->go_on();
  EXPECT_EQ(nobody({"list"}).status, 0) << "and it recovers";
}

/// Neither polkitd nor the bus itself, gone while a question is on its way, costs more than that question.
TEST_F(AccessTest, ABusThatGoesAwayMidCallFailsThatCallAlone) {
  start("polkit.addRule(function(action, subject) { return polkit.Result.YES; });", kAccessByPolkit);
  define("seen");
  ASSERT_EQ(nobody({"list"}).status, 0);
  polkit_->hang();
  const auto before = bus_->sent();
  auto waiting = std::async(std::launch::async, [&] { return nobody({"list", "--all", "--name"}); });
  EXPECT_TRUE(eventually([&] { return bus_->sent() > before; })) << "it is not asked";
  const auto cut = Clock::now();
  bus_->cut();
  const Output refused = waiting.get();
  EXPECT_LT(Clock::now() - cut, scaled(Milliseconds(5000))) << "at once, not when its time is over";
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.text, HasSubstr("access denied: 'LXC' denied access"));
  EXPECT_EQ(virConnectNumOfDefinedDomains(root_client_), 1);
  polkit_->go_on();
  EXPECT_EQ(nobody({"list"}).status, 0) << "and it recovers";
}

TEST_F(AccessTest, SocketGroupAndModesAreTheConfigs) {
  start("", "unix_sock_group = \"nogroup\"\nunix_sock_ro_perms = \"0760\"\n");
  const auto mode = [&](const std::string& suffix) {
    return run({"stat", "-c", "%a %G", daemon_->socket() + suffix}).text;
  };
  EXPECT_EQ(mode(""), "777 nogroup\n");
  EXPECT_EQ(mode("-ro"), "760 nogroup\n");
}

/// Connected and never read nor written, as user nobody; root goes on.
TEST_F(AccessTest, OneUserCannotTakeEveryPlace) {
  start("polkit.addRule(function(action, subject) { return polkit.Result.YES; });",
        std::string(kAuthByPolkit) + "max_clients = 40\nmax_anonymous_clients = 4\n");
  std::atomic<bool> ended = false;
  auto flood = std::async(std::launch::async, [&] {
    const Output output = run_as_nobody({"/usr/bin/python3", "-c",
                                         "import socket,sys\n"
                                         "held=[]\n"
                                         "for i in range(2000):\n"
                                         "  s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
                                         "  if len(held)<200: held.append(s)\n"
                                         "print('connected')\n",
                                         daemon_->socket()});
    ended = true;
    return output;
  });
  do {
    const Connection root(virConnectOpen(uri().c_str()));
    ASSERT_TRUE(root) << describe(last_failure());
    EXPECT_EQ(virConnectNumOfDomains(root), 0);
  } while (!ended);
  EXPECT_THAT(flood.get().text, HasSubstr("connected"));
  EXPECT_TRUE(eventually([&] { return nobody({"list"}).status == 0; })) << "and places come back";
}

class EmulatorTest : public SystemTest {};

// known-defects S11: whoever may write XML names a program in <emulator>, which stock runs as root.
TEST_F(EmulatorTest, S11_TheEmulatorOfADefinitionIsNeverRun) {
  SKIP_ON_STOCK("it runs the program that <emulator> names (S11)");
  const std::string folder = make_folder("emulator");
  write_text(folder + "/emulator", "#!/bin/sh\ntouch " + folder + "/ran\n", 0755);
  const Rootfs root;
  DomainXml definition = xml("emulator", root);
  definition.devices = "<emulator>" + folder + "/emulator</emulator>";
  const Domain domain = define_and_start(definition);
  EXPECT_EQ(xpath(dump(domain), "string(//emulator)"), folder + "/emulator") << "it is kept, as text";
  if (host().daemon()) {
    EXPECT_THAT(run({"readlink", "/proc/" + std::to_string(id_of(domain)) + "/exe"}).text,
                HasSubstr("lxcell-supervisor"));
  }
  EXPECT_EQ(virDomainDestroy(domain), 0);
  EXPECT_FALSE(exists(folder + "/ran"));
}

}  // namespace
