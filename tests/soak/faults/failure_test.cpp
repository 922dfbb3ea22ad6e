// Each kernel call of each operation fails in turn: the caller is told why, nothing half-made stays, and the domain is
// as usable as before.
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <memory>

#include "soak/faults/stage.hpp"

namespace faults {
namespace {

using namespace support;

struct Operation {
  const char* name;
  /// Arranges what `act` needs; not traced.
  std::function<Domain(Stage&)> prepare;
  /// False when the caller is told that it failed.
  std::function<bool(Stage&, virDomainPtr)> act;
  /// Whether what can be seen afterwards fits the answer; a complaint otherwise.
  std::function<std::string(Stage&, virDomainPtr, bool done, const std::string& before)> judge;
  /// What the caller was told.
  std::function<Failure()> why = last_failure;
};

void PrintTo(const Operation& operation, std::ostream* out) {
  *out << operation.name;
}

std::string complain_unless(bool holds, const std::string& complaint) {
  return holds ? "" : complaint;
}

std::string is_running(Stage&, virDomainPtr domain, bool done, const std::string&) {
  return complain_unless((virDomainIsActive(domain) == 1) == done, "the state does not fit the answer");
}

std::string is_shut_off(Stage&, virDomainPtr domain, bool done, const std::string&) {
  return complain_unless(!done || virDomainIsActive(domain) == 0, "it still runs");
}

/// Definitions as before, or another when it was done.
std::string changed_if_done(Stage&, virDomainPtr domain, bool done, const std::string& before) {
  const std::string now = dump(domain, virDomainIsActive(domain) == 1 ? 0 : VIR_DOMAIN_XML_INACTIVE);
  return complain_unless((now != before) == done, done ? "nothing has changed" : "it has changed all the same");
}

std::string has_two(Stage& stage, bool two) {
  return complain_unless(static_cast<bool>(stage.find("two")) == two && static_cast<bool>(stage.find()) != two,
                         "the names do not fit the answer");
}

Domain attached(Stage& stage, const std::string& device) {
  Domain domain = stage.running();
  if (virDomainAttachDevice(domain, device.c_str()) != 0)
    throw std::runtime_error("attach: " + describe(last_failure()));
  return domain;
}

Operation attach(const char* name, std::function<std::string(Stage&)> device) {
  return {
      name, [](Stage& stage) { return stage.running(); },
      [device](Stage& stage, virDomainPtr domain) { return virDomainAttachDevice(domain, device(stage).c_str()) == 0; },
      changed_if_done};
}
Operation detach(const char* name, std::function<std::string(Stage&)> device) {
  return {
      name, [device](Stage& stage) { return attached(stage, device(stage)); },
      [device](Stage& stage, virDomainPtr domain) { return virDomainDetachDevice(domain, device(stage).c_str()) == 0; },
      changed_if_done};
}

std::string second_interface(Stage& stage) {
  return stage.interface_xml("52:54:00:5d:00:02");
}
std::string filesystem(Stage& stage) {
  return stage.filesystem_xml();
}
std::string disk(Stage& stage) {
  return stage.disk_xml();
}

bool set_shares(virDomainPtr domain, unsigned long long shares) {
  virTypedParameterPtr list = nullptr;
  int count = 0, room = 0;
  virTypedParamsAddULLong(&list, &count, &room, VIR_DOMAIN_SCHEDULER_CPU_SHARES, shares);
  const int result = virDomainSetSchedulerParametersFlags(domain, list, count, VIR_DOMAIN_AFFECT_LIVE);
  virTypedParamsFree(list, count);
  return result == 0;
}

const std::vector<Operation>& operations() {
  const auto defined = [](Stage& stage) { return stage.defined(); };
  const auto running = [](Stage& stage) { return stage.running(); };
  const auto refusal = std::make_shared<Failure>();  // letting go of its stream forgets why a console was not opened
  static const std::vector<Operation> kOperations = {
      {"start", defined, [](Stage&, virDomainPtr domain) { return virDomainCreate(domain) == 0; }, is_running},
      {"destroy", running, [](Stage&, virDomainPtr domain) { return virDomainDestroy(domain) == 0; }, is_shut_off},
      {"memory", running,
       [](Stage&, virDomainPtr domain) {
         return virDomainSetMemoryFlags(domain, 50000, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG) == 0;
       },
       changed_if_done},
      {"shares", running, [](Stage&, virDomainPtr domain) { return set_shares(domain, 300); }, changed_if_done},
      {"pin", running,
       [](Stage&, virDomainPtr domain) {
         unsigned char first = 1;
         return virDomainPinVcpuFlags(domain, 0, &first, 1, VIR_DOMAIN_AFFECT_LIVE) == 0;
       },
       changed_if_done},
      {"suspend", running, [](Stage&, virDomainPtr domain) { return virDomainSuspend(domain) == 0; },
       [](Stage&, virDomainPtr domain, bool done, const std::string&) {
         return complain_unless((state_of(domain) == VIR_DOMAIN_PAUSED) == done, "the state does not fit the answer");
       }},
      {"resume",
       [](Stage& stage) {
         Domain domain = stage.running();
         virDomainSuspend(domain);
         return domain;
       },
       [](Stage&, virDomainPtr domain) { return virDomainResume(domain) == 0; },
       [](Stage&, virDomainPtr domain, bool done, const std::string&) {
         return complain_unless((state_of(domain) == VIR_DOMAIN_RUNNING) == done, "the state does not fit the answer");
       }},
      attach("attach interface", second_interface),
      detach("detach interface", second_interface),
      attach("attach filesystem", filesystem),
      detach("detach filesystem", filesystem),
      attach("attach disk", disk),
      detach("detach disk", disk),
      {"console", running,
       [refusal](Stage&, virDomainPtr domain) {
         *refusal = {};
         const auto console = Console::open(domain, nullptr, 0, refusal.get());
         if (!console) return false;
         console->type("x\n");
         return console->wait_for("echo: x") || console->wait_for_end();
       },
       [](Stage&, virDomainPtr domain, bool, const std::string&) {
         return complain_unless(virDomainIsActive(domain) == 1, "it has ended");
       },
       [refusal] { return *refusal; }},
      {"redefine", defined,
       [](Stage& stage, virDomainPtr) {
         DomainXml xml = stage.definition();
         xml.elements += "  <title>other</title>\n";
         return static_cast<bool>(Domain(virDomainDefineXML(stage.connection(), xml.text().c_str())));
       },
       changed_if_done},
      {"rename", defined,
       [](Stage& stage, virDomainPtr domain) { return virDomainRename(domain, stage.name("two").c_str(), 0) == 0; },
       [](Stage& stage, virDomainPtr, bool done, const std::string&) { return has_two(stage, done); }},
      {"autostart", defined, [](Stage&, virDomainPtr domain) { return virDomainSetAutostart(domain, 1) == 0; },
       [](Stage&, virDomainPtr domain, bool done, const std::string&) {
         int on = -1;
         virDomainGetAutostart(domain, &on);
         virDomainSetAutostart(domain, 0);
         return complain_unless((on == 1) == done, "the setting does not fit the answer");
       }},
      {"undefine", defined, [](Stage&, virDomainPtr domain) { return virDomainUndefine(domain) == 0; },
       [](Stage& stage, virDomainPtr, bool done, const std::string&) {
         return complain_unless(static_cast<bool>(stage.find()) == !done, "the definition does not fit the answer");
       }},
  };
  return kOperations;
}

struct Figures {
  int injected = 0, told = 0, survived = 0;
};

class FailureTest : public testing::TestWithParam<Operation> {
 protected:
  /// Everything of one operation and one role.
  void walk(const Operation& operation, Role role, Figures& figures);
  void settle(const std::string& where);

  Stage stage_;
};

class RecoveryTest : public testing::Test {
 protected:
  Stage stage_;
};

/// A container that runs does not end because its supervisor was refused something once, and all of it is to be had
/// soon after.
class LateFailureTest : public testing::Test {
 protected:
  void expect_usable(const Domain& domain) {
    EXPECT_TRUE(stage_.console_answers(domain)) << "its console does not answer";
    EXPECT_EQ(virDomainIsActive(domain), 1) << "it has ended";
  }
  void settle() {
    if (const Domain domain = stage_.find(); domain && virDomainIsActive(domain) == 1) {
      EXPECT_EQ(virDomainDestroy(domain), 0) << describe(last_failure());
    }
    for (const auto& left : stage_.leaks()) ADD_FAILURE() << "left: " << left;
  }
  Stage stage_;
};

constexpr int kError = ENOMEM;

/// In the words of the kernel, of libnl for its errors, or of the C library for a thread that cannot be made.
bool says_why(const std::string& message) {
  for (const std::string& words :
       {std::string(strerror(kError)), std::string(strerror(EAGAIN)), std::string("Out of memory")})
    if (message.find(words) != std::string::npos) return true;
  return false;
}

void FailureTest::settle(const std::string& where) {
  if (const Domain domain = stage_.find(); domain && virDomainIsActive(domain) == 1) {
    EXPECT_EQ(virDomainDestroy(domain), 0) << where << ": then destroy: " << describe(last_failure());
  }
  for (const auto& left : stage_.leaks()) ADD_FAILURE() << where << ": left: " << left;
  for (const auto& left : stage_.more_descriptors()) ADD_FAILURE() << where << ": descriptor left open: " << left;
}

void FailureTest::walk(const Operation& operation, Role role, Figures& figures) {
  const int step = long_form() ? 1 : 13;
  const int offset = static_cast<int>(std::strlen(operation.name)) % step;
  for (int index = offset;; index += step) {
    const Domain domain = operation.prepare(stage_);
    const std::string before = dump(domain, virDomainIsActive(domain) == 1 ? 0 : VIR_DOMAIN_XML_INACTIVE);
    stage_.tracer().arm({role, index, kError});
    const bool done = operation.act(stage_, domain);
    const Failure why = done ? Failure{} : operation.why();
    if (role == Role::Loop || role == Role::Definitions)
      eventually([&] { return stage_.tracer().hit(); }, Milliseconds(80));
    const auto hit = stage_.tracer().disarm();
    const std::string where = std::string(operation.name) + ", " + name_of(role) + " " + std::to_string(index) + " " +
                              hit.value_or("(none)") + (done ? ": done" : ": " + why.message);
    SCOPED_TRACE(where);
    ASSERT_TRUE(stage_.daemon().running()) << stage_.daemon().output();
    EXPECT_TRUE(done || hit) << "it fails without a fault";
    if (hit) {
      ++figures.injected;
      ++(done ? figures.survived : figures.told);
      EXPECT_TRUE(done || says_why(why.message)) << where << ": NOT THE CAUSE";
    }
    const std::string complaint = operation.judge(stage_, domain, done, before);
    EXPECT_EQ(complaint, "") << where;
    settle(where);
    if (!hit) return;
  }
}

TEST_P(FailureTest, EachKernelCallInTurn) {
  const Operation& operation = GetParam();
  for (int i = 0; i < 2; ++i) {  // without a fault, so that what is kept open is open
    const Domain domain = operation.prepare(stage_);
    EXPECT_TRUE(operation.act(stage_, domain)) << describe(last_failure());
    stage_.defined();
    if (i == 0) stage_.mark_descriptors();
    settle("without a fault");
  }
  Figures figures;
  for (const Role role : {Role::Worker, Role::Loop, Role::Definitions, Role::Supervisor, Role::Init})
    walk(operation, role, figures);
  std::printf("[ FAULTS   ] %s: %d kernel calls failed, %d of them told, %d done all the same; %d leaks\n",
              operation.name, figures.injected, figures.told, figures.survived, stage_.leaks_seen());
}

INSTANTIATE_TEST_SUITE_P(All, FailureTest, testing::ValuesIn(operations()), [](const auto& chosen) {
  std::string name = chosen.param.name;
  for (char& letter : name)
    if (letter == ' ') letter = '_';
  return name;
});

TEST_F(LateFailureTest, EachThingTheSupervisorOfANewContainerWatches) {
  int injected = 0, told = 0;
  for (int index = 0;; ++index) {
    const Domain domain = stage_.defined();
    stage_.tracer().arm({Role::Supervisor, index, kError, SYS_epoll_ctl});
    const bool done = virDomainCreate(domain) == 0;
    const Failure why = done ? Failure{} : last_failure();
    SCOPED_TRACE("epoll_ctl " + std::to_string(index) + (done ? ": done" : ": " + why.message));
    EXPECT_TRUE(done || says_why(why.message));
    if (done) expect_usable(domain);
    const auto hit = stage_.tracer().disarm();
    if (done) {
      stage_.kill_daemon();
      stage_.start_daemon();
      const Domain again = stage_.find();
      ASSERT_TRUE(again);
      expect_usable(again);
    }
    settle();
    if (!hit) break;
    ++injected;
    if (!done) ++told;
  }
  std::printf("[ FAULTS   ] start and console: %d of epoll_ctl failed, %d of them told; %d leaks\n", injected, told,
              stage_.leaks_seen());
}

/// A daemon that cannot watch something once loses neither a client nor a container's end.
TEST_F(LateFailureTest, EachThingTheLoopOfADaemonWatches) {
  int injected = 0;
  const Domain domain = stage_.defined();
  for (int index = 0;; ++index) {
    stage_.tracer().arm({Role::Loop, index, kError, SYS_epoll_ctl});
    const bool done = virDomainCreate(domain) == 0;
    SCOPED_TRACE("epoll_ctl " + std::to_string(index) + (done ? "" : ": " + last_failure().message));
    EXPECT_TRUE(done);
    if (done) {
      expect_usable(domain);
      stage_.order("end");
      EXPECT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF)) << "its end is not noticed";
    }
    EXPECT_TRUE(stage_.connected()) << stage_.daemon().output();
    const auto hit = stage_.tracer().disarm();
    settle();
    if (!hit) break;
    ++injected;
  }
  std::printf("[ FAULTS   ] loop of a daemon: %d of epoll_ctl failed; %d leaks\n", injected, stage_.leaks_seen());
}

TEST_F(LateFailureTest, EachCallOfASupervisorThatANewDaemonMeets) {
  int injected = 0;
  for (int index = 0;; ++index) {
    const pid_t id = id_of(stage_.running());
    stage_.kill_daemon();
    stage_.tracer().arm({Role::Supervisor, index, kError});
    stage_.start_daemon();
    const Domain domain = stage_.find();
    ASSERT_TRUE(domain);
    if (virDomainIsActive(domain) == 1) stage_.console_answers(domain);
    const auto hit = stage_.tracer().disarm();
    SCOPED_TRACE("supervisor " + std::to_string(index) + " " + hit.value_or("(none)"));
    EXPECT_EQ(id_of(domain), id);
    expect_usable(domain);
    settle();
    if (!hit) break;
    ++injected;
  }
  std::printf("[ FAULTS   ] supervisors that a new daemon meets: %d kernel calls failed; %d leaks\n", injected,
              stage_.leaks_seen());
}

TEST_F(LateFailureTest, EachCallOfASupervisorWhoseInitEnds) {
  int injected = 0;
  for (int index = 0;; ++index) {
    const Domain domain = stage_.running();
    stage_.tracer().arm({Role::Supervisor, index, kError});
    stage_.order("end");
    EXPECT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF));
    const auto hit = stage_.tracer().disarm();
    SCOPED_TRACE("supervisor " + std::to_string(index) + " " + hit.value_or("(none)"));
    settle();
    if (!hit) break;
    ++injected;
  }
  std::printf("[ FAULTS   ] supervisors whose init ends: %d kernel calls failed; %d leaks\n", injected,
              stage_.leaks_seen());
}

/// By which the first cause itself is told.
TEST_F(LateFailureTest, EachMessageOfTheProcessesOfAStart) {
  int injected = 0;
  for (const Role role : {Role::Supervisor, Role::Init}) {
    for (int index = 0;; ++index) {
      const Domain domain = stage_.defined();
      stage_.tracer().arm({role, index, kError, SYS_sendmsg});
      const bool done = virDomainCreate(domain) == 0;
      const Failure why = done ? Failure{} : last_failure();
      if (done) expect_usable(domain);
      const auto hit = stage_.tracer().disarm();
      EXPECT_TRUE(done || says_why(why.message))
          << name_of(role) << " " << index << " " << hit.value_or("(none)") << ": " << why.message;
      settle();
      if (!hit) break;
      ++injected;
    }
  }
  std::printf("[ FAULTS   ] messages of a start: %d of sendmsg failed; %d leaks\n", injected, stage_.leaks_seen());
}

/// What a daemon cannot be without: itself, the lock that says that it is alone, its loop and its sockets.
bool may_end_for(const std::string& said) {
  if (said.find("error while loading shared libraries") != std::string::npos) return true;
  for (const char* const essential : {"driver.pid'", "event loop", "eventfd", "watch a descriptor", "sock"})
    if (says_why(said) && said.find(essential) != std::string::npos) return true;
  return false;
}

/// A daemon that comes back while the kernel refuses it something once. It ends where it cannot be without that, saying
/// why; else it has the container, by itself and soon, however little it could look at first. A container goes on and
/// is the next daemon's too.
TEST_F(RecoveryTest, EachKernelCallInTurn) {
  const int step = long_form() ? 1 : 23;
  int injected = 0, gave_up = 0, later = 0;
  for (int index = 0;; index += step) {
    const pid_t id = id_of(stage_.running());
    stage_.kill_daemon();
    const std::size_t said = stage_.daemon().output().size();
    stage_.tracer().arm({Role::Loop, index, kError});
    const bool up = stage_.try_start_daemon();
    const auto hit = stage_.tracer().disarm();
    const std::string says = stage_.daemon().output().substr(said);
    SCOPED_TRACE("recovery, loop " + std::to_string(index) + " " + hit.value_or("(none)") + "\n" + says);
    if (hit) ++injected;
    if (!up) {
      ++gave_up;
      EXPECT_TRUE(may_end_for(says)) << "it gave up";
      stage_.start_daemon();
    }
    const Domain domain = stage_.find();
    ASSERT_TRUE(domain) << "its definition is gone";
    if (virDomainIsActive(domain) != 1) ++later;
    EXPECT_TRUE(wait_for_state(domain, VIR_DOMAIN_RUNNING)) << "its container is left alone";
    EXPECT_EQ(virDomainIsPersistent(domain), 1) << "its definition is not loaded";
    EXPECT_EQ(id_of(domain), id);
    EXPECT_TRUE(stage_.console_answers(domain));
    virDomainDestroy(domain);
    for (const auto& left : stage_.leaks()) ADD_FAILURE() << "left: " << left;
    if (!hit) break;
  }
  std::printf(
      "[ FAULTS   ] recovery: %d kernel calls failed, %d daemons gave up, %d had the container a moment later; "
      "%d leaks\n",
      injected, gave_up, later, stage_.leaks_seen());
}

}  // namespace
}  // namespace faults
