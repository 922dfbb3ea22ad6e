// The daemon, a supervisor or an init dies by SIGKILL right before each call by which it changes anything, and a new
// daemon comes: definitions are old or new, containers that should run do and answer, ended ones have their reason, and
// nothing half-made is left.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>

#include "soak/faults/stage.hpp"

namespace faults {
namespace {

using namespace support;
namespace fs = std::filesystem;

/// What clients see of the stage's definitions.
struct Books {
  std::string one, two;  // "" when there is none
  bool autostart_one = false, autostart_two = false;
  bool operator==(const Books&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Books& books) {
  return out << "one: " << books.one << (books.autostart_one ? " (autostart)" : "") << "\ntwo: " << books.two
             << (books.autostart_two ? " (autostart)" : "");
}

void read_domain(const Domain& domain, std::string& text, bool& autostart) {
  if (!domain || virDomainIsPersistent(domain) != 1) return;
  text = dump(domain, VIR_DOMAIN_XML_INACTIVE);
  int on = 0;
  virDomainGetAutostart(domain, &on);
  autostart = on == 1;
}

Books read_books(Stage& stage) {
  Books books;
  read_domain(stage.find("one"), books.one, books.autostart_one);
  read_domain(stage.find("two"), books.two, books.autostart_two);
  return books;
}

enum class Guest { Off, Runs, MayRun };

struct Scene {
  const char* name;
  std::function<Domain(Stage&)> prepare;
  /// True when the caller was told that it is done.
  std::function<bool(Stage&, virDomainPtr)> act;
  Guest guest;      // after a daemon died in it
  int reason = -1;  // of a guest that is off then
};

bool answered(int result) {
  return result == 0;
}

Domain with(Stage& stage, const std::string& device) {
  Domain domain = stage.running();
  if (virDomainAttachDevice(domain, device.c_str()) != 0)
    throw std::runtime_error("attach: " + describe(last_failure()));
  return domain;
}

std::vector<Scene> scenes() {
  const auto defined = [](Stage& stage) { return stage.defined(); };
  const auto running = [](Stage& stage) { return stage.running(); };
  const auto interface = [](Stage& stage) { return stage.interface_xml("52:54:00:5d:00:02"); };
  const auto attach = [](auto device) {
    return [device](Stage& stage, virDomainPtr domain) {
      return answered(
          virDomainAttachDeviceFlags(domain, device(stage).c_str(), VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG));
    };
  };
  const auto detach = [](auto device) {
    return [device](Stage& stage, virDomainPtr domain) {
      return answered(virDomainDetachDevice(domain, device(stage).c_str()));
    };
  };
  const auto filesystem = [](Stage& stage) { return stage.filesystem_xml(); };
  const auto disk = [](Stage& stage) { return stage.disk_xml(); };
  const auto order = [](const char* word) {
    return [word](Stage& stage, virDomainPtr domain) {
      stage.order(word);
      return std::string_view(word) == "reboot"
                 ? stage.wait_ready_or_hit()
                 : stage.wait_or_hit([&] { return state_of(domain) == VIR_DOMAIN_SHUTOFF; });
    };
  };
  return {
      {"define", defined,
       [](Stage& stage, virDomainPtr) {
         return static_cast<bool>(
             Domain(virDomainDefineXML(stage.connection(), stage.definition("two").text().c_str())));
       },
       Guest::Off},
      {"redefine", defined,
       [](Stage& stage, virDomainPtr) {
         DomainXml xml = stage.definition();
         xml.elements += "  <title>other</title>\n";
         return static_cast<bool>(Domain(virDomainDefineXML(stage.connection(), xml.text().c_str())));
       },
       Guest::Off},
      {"rename",
       [](Stage& stage) {
         Domain domain = stage.defined();
         virDomainSetAutostart(domain, 1);
         return domain;
       },
       [](Stage& stage, virDomainPtr domain) {
         return answered(virDomainRename(domain, stage.name("two").c_str(), 0));
       },
       Guest::Off},
      {"autostart", defined, [](Stage&, virDomainPtr domain) { return answered(virDomainSetAutostart(domain, 1)); },
       Guest::Off},
      {"undefine", defined, [](Stage&, virDomainPtr domain) { return answered(virDomainUndefine(domain)); },
       Guest::Off},
      {"start", defined, [](Stage&, virDomainPtr domain) { return answered(virDomainCreate(domain)); }, Guest::MayRun},
      {"destroy", running, [](Stage&, virDomainPtr domain) { return answered(virDomainDestroy(domain)); },
       Guest::MayRun},
      {"end", running, order("end"), Guest::Off, VIR_DOMAIN_SHUTOFF_SHUTDOWN},
      {"poweroff", running, order("poweroff"), Guest::Off, VIR_DOMAIN_SHUTOFF_SHUTDOWN},
      {"reboot", running, order("reboot"), Guest::Runs},
      {"memory", running,
       [](Stage&, virDomainPtr domain) {
         return answered(virDomainSetMemoryFlags(domain, 50000, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG));
       },
       Guest::Runs},
      {"suspend", running, [](Stage&, virDomainPtr domain) { return answered(virDomainSuspend(domain)); }, Guest::Runs},
      {"resume",
       [](Stage& stage) {
         Domain domain = stage.running();
         virDomainSuspend(domain);
         return domain;
       },
       [](Stage&, virDomainPtr domain) { return answered(virDomainResume(domain)); }, Guest::Runs},
      {"attach interface", running, attach(interface), Guest::Runs},
      {"detach interface", [interface](Stage& stage) { return with(stage, interface(stage)); }, detach(interface),
       Guest::Runs},
      {"attach filesystem", running, attach(filesystem), Guest::Runs},
      {"detach filesystem", [filesystem](Stage& stage) { return with(stage, filesystem(stage)); }, detach(filesystem),
       Guest::Runs},
      {"attach disk", running, attach(disk), Guest::Runs},
      {"detach disk", [disk](Stage& stage) { return with(stage, disk(stage)); }, detach(disk), Guest::Runs},
      {"console", running, [](Stage& stage, virDomainPtr domain) { return stage.console_answers(domain); },
       Guest::Runs},
      {"recovery",
       [](Stage& stage) {
         Domain domain = stage.running();
         stage.kill_daemon();
         return Domain();
       },
       [](Stage& stage, virDomainPtr) { return stage.try_start_daemon(); }, Guest::Runs},
      {"recovery of a start",
       [](Stage& stage) {
         const Domain domain = stage.defined();
         stage.tracer().arm({Role::Worker, 150, 0});
         virDomainCreate(domain);
         stage.kill_daemon();
         stage.tracer().disarm();
         return Domain();
       },
       [](Stage& stage, virDomainPtr) { return stage.try_start_daemon(); }, Guest::MayRun},
  };
}

void PrintTo(const Scene& scene, std::ostream* out) {
  *out << scene.name;
}

class CrashTest : public testing::TestWithParam<Scene> {
 protected:
  void walk(Role role);
  void judge(Role role, const std::string& where, bool told);
  void judge_guest(const std::string& where, Guest guest);
  void judge_files(const std::string& where);

  Stage stage_;
  Books before_, after_;
  int died_ = 0, recovered_ = 0;
};

/// The files say what the daemon does.
void CrashTest::judge_files(const std::string& where) {
  for (const char* word : {"one", "two"}) {
    const std::string name = stage_.name(word) + ".xml", folder = stage_.daemon().config_folder();
    Books books;
    read_domain(stage_.find(word), books.one, books.autostart_one);
    const auto same = [&] {
      return exists(folder + "/" + name) == !books.one.empty() &&
             exists(folder + "/autostart/" + name) == books.autostart_one;
    };
    EXPECT_TRUE(eventually(same, scaled(Milliseconds(2000)))) << where << ": the files of '" << word << "' do not fit";
  }
}

void CrashTest::judge_guest(const std::string& where, Guest guest) {
  Domain domain = stage_.find("one");
  if (!domain) domain = stage_.find("two");
  if (!domain) return;
  const auto is_on = [&] { return virDomainIsActive(domain) == 1; };
  if (guest == Guest::Runs) eventually(is_on);                    // it may be starting once more
  if (guest == Guest::Off) eventually([&] { return !is_on(); });  // its supervisor may be what has just been killed
  const bool on = is_on();
  if (on && state_of(domain) == VIR_DOMAIN_PAUSED) {
    EXPECT_EQ(virDomainResume(domain), 0) << where;
  }
  EXPECT_TRUE(!on || stage_.console_answers(domain)) << where << ": its console does not answer";
  if (on && dump(domain, 0).find("/given/folder") == std::string::npos) {
    EXPECT_FALSE(stage_.has_mounted(domain, "/given/folder")) << where << ": mounted, and nobody knows";
  }
  if (guest != Guest::MayRun) {
    EXPECT_EQ(on, guest == Guest::Runs) << where << ": " << state_and_reason(domain);
  }
  if (virDomainIsActive(domain) == 1) {
    virDomainInfo info;
    EXPECT_EQ(virDomainGetInfo(domain, &info), 0) << where << ": " << describe(last_failure());
    EXPECT_GT(info.memory, 0U) << where;
    EXPECT_EQ(virDomainDestroy(domain), 0) << where << ": " << describe(last_failure());
  }
  for (const auto& left : stage_.leaks()) ADD_FAILURE() << where << ": left: " << left;
}

void CrashTest::judge(Role role, const std::string& where, bool told) {
  const bool of_daemon = role <= Role::Definitions;
  const Books now = read_books(stage_);
  if (told)
    EXPECT_EQ(now, after_) << where << ": answered, and yet";
  else
    EXPECT_TRUE(now == before_ || now == after_) << where << ": neither old nor new\n" << now;
  Guest guest = GetParam().guest;
  const Domain domain = stage_.find();
  if (!of_daemon && guest != Guest::Off) guest = Guest::MayRun;  // it may have died with its supervisor or init
  if (of_daemon && GetParam().reason >= 0 && domain) {
    EXPECT_TRUE(wait_for_state(domain, VIR_DOMAIN_SHUTOFF)) << where;
    // Once all is done no file speaks of the run any more, and a later daemon says what it says of any domain.
    const std::string reason = state_and_reason(domain);
    EXPECT_TRUE(reason == "shutoff/" + std::to_string(GetParam().reason) || reason == "shutoff/0") << where << reason;
  }
  judge_files(where);
  judge_guest(where, guest);
  if (!of_daemon && GetParam().reason >= 0 && domain) {
    // Killed before or after it had told how init ended.
    const std::string reason = state_and_reason(domain);
    EXPECT_TRUE(reason == "shutoff/" + std::to_string(GetParam().reason) ||
                reason == "shutoff/" + std::to_string(VIR_DOMAIN_SHUTOFF_FAILED))
        << where << reason;
  }
}

void CrashTest::walk(Role role) {
  const Scene& scene = GetParam();
  const bool of_daemon = role <= Role::Definitions;
  const int step = long_form() ? 1 : role >= Role::Supervisor ? 41 : 9;
  for (int index = static_cast<int>(std::strlen(scene.name)) % step;; index += step) {
    const Domain domain = scene.prepare(stage_);
    stage_.tracer().arm({role, index, 0});
    const bool told = scene.act(stage_, domain);
    if (!stage_.tracer().hit() && (role == Role::Loop || role == Role::Definitions))
      eventually([&] { return stage_.tracer().hit(); }, Milliseconds(120));
    const auto hit = stage_.tracer().disarm();
    const std::string where = std::string(scene.name) + ", " + name_of(role) + " killed before its call " +
                              std::to_string(index) + ", " + hit.value_or("(none)") +
                              (told ? " (the call was answered)" : "");
    if (hit && of_daemon) {
      stage_.kill_daemon();
      ASSERT_TRUE(stage_.try_start_daemon()) << where << "\n" << stage_.daemon().output();
    }
    ASSERT_TRUE(stage_.daemon().running()) << where << "\n" << stage_.daemon().output();
    if (!stage_.connected()) stage_.connect();
    judge(role, where, told);
    if (!hit) return;
    ++died_;
    if (!HasFailure()) ++recovered_;
  }
}

TEST_P(CrashTest, BeforeEachCallThatChangesAnything) {
  const Scene& scene = GetParam();
  {
    const Domain domain = stage_.defined();
    before_ = read_books(stage_);
  }
  {
    const Domain domain = scene.prepare(stage_);
    if (stage_.connected()) before_ = read_books(stage_);
    EXPECT_TRUE(scene.act(stage_, domain)) << describe(last_failure());
    after_ = read_books(stage_);
  }
  for (const Role role : {Role::Loop, Role::Worker, Role::Definitions, Role::Supervisor, Role::Init}) walk(role);
  std::printf("[ FAULTS   ] %s: killed at %d points, %d leaks\n", scene.name, died_, stage_.leaks_seen());
}

INSTANTIATE_TEST_SUITE_P(All, CrashTest, testing::ValuesIn(scenes()), [](const auto& chosen) {
  std::string name = chosen.param.name;
  for (char& letter : name)
    if (letter == ' ') letter = '_';
  return name;
});

}  // namespace
}  // namespace faults
