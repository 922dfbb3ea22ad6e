// Every command that the installed virsh has for domains, against a running and a shut-off container: each has its
// result, or the error that tests/data/virsh-sweep.tsv expects. A command that a newer virsh brings is missing there,
// and fails the test until somebody has decided what it should answer.
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "support/fixture.hpp"

namespace {

using namespace support;

constexpr const char* kUuid = "5eeb5eeb-0000-4000-8000-5eeb5eeb5eeb";

constexpr int kTimedOut = 124;  // timeout(1)

struct Row {
  std::string command, arguments, running, shut_off;
};

std::vector<Row> read_table() {
  std::ifstream file(SOURCE_DIR "/tests/data/virsh-sweep.tsv");
  std::vector<Row> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    Row row;
    for (std::string* field : {&row.command, &row.arguments, &row.running, &row.shut_off})
      std::getline(fields, *field, '\t');
    rows.push_back(row);
  }
  return rows;
}

std::string replaced(std::string text, const std::string& word, const std::string& by) {
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + by.size()))
    text.replace(at, word.size(), by);
  return text;
}

class SweepTest : public SystemTest {
 protected:
  void SetUp() override {
    SKIP_ON_STOCK("it answers less, and one of these questions ends it");
    if (!have_program("virsh")) GTEST_SKIP() << "virsh is not installed (package libvirt-clients)";
    folder_ = make_folder("sweep");
    root_.write("etc/shadow", "root:!:1:0:99999:7:::\n");
    write_text(folder_ + "/domain.xml", definition());
    write_text(folder_ + "/device.xml",
               "<hostdev mode='capabilities' type='misc'><source><char>/dev/kmsg</char></source></hostdev>");
    write_text(folder_ + "/native.conf", "lxc.uts.name = native\nlxc.rootfs.path = " + root_.path() + "\n");
    ::setenv("EDITOR", "true", 1);
  }

  std::string definition() const {
    auto definition = xml("sweep", root_);
    definition.uuid = kUuid;
    return definition.text();
  }

  /// The domain as each row expects to find it.
  Domain settle(bool running) const {
    Domain domain = define(definition());
    int state = state_of(domain);
    if (state == VIR_DOMAIN_PAUSED) virDomainResume(domain);
    if (running && state == VIR_DOMAIN_SHUTOFF) {
      EXPECT_TRUE(ok(virDomainCreate(domain)));
      EXPECT_TRUE(wait_for_init(domain));
    }
    if (!running && state != VIR_DOMAIN_SHUTOFF) virDomainDestroy(domain);
    return domain;
  }

  void expect(const Row& row, bool running) const {
    const auto domain = settle(running);
    const std::string name = virDomainGetName(domain);
    const auto filled = [&](const std::string& text) {
      return replaced(replaced(replaced(text, "FOLDER", folder_), "NAME", name), "UUID", kUuid);
    };
    std::istringstream arguments(filled(row.arguments));
    std::vector<std::string> words = {"timeout", "20", "virsh", "-q", "-c", host().uri(), row.command};
    for (std::string word; arguments >> word;) words.push_back(word);
    Output output = run(words);
    // virsh waits for a job (migrate, save, dump) on a thread and sometimes misses the end of one that fails at once.
    for (int again = 0; again < 3 && output.status == kTimedOut; ++again) output = run(words);
    const std::string expected = filled(running ? row.running : row.shut_off);
    const bool success = expected == "ok";
    EXPECT_EQ(output.status, success ? 0 : 1) << output.text;
    EXPECT_TRUE(success || output.text.find(expected) != std::string::npos) << expected << "\n" << output.text;
    EXPECT_EQ(virConnectIsAlive(connection_), 1);
  }

  std::string folder_;
  Rootfs root_{init::kDeaf};  // what shutdown and reboot ask of it must not reach the next row
};

TEST_F(SweepTest, EveryCommandIsInTheTable) {
  std::set<std::string> known;
  for (const auto& row : read_table()) known.insert(row.command);
  for (const char* group : {"domain", "monitor"}) {
    std::istringstream lines(run({"virsh", "help", group}).text);
    std::string line;
    std::getline(lines, line);  // the group's name
    while (std::getline(lines, line)) {
      std::string command;
      if (!(std::istringstream(line) >> command)) continue;
      EXPECT_TRUE(known.contains(command)) << "virsh " << command << " has no row in tests/data/virsh-sweep.tsv";
    }
  }
}

TEST_F(SweepTest, EachHasItsAnswer) {
  const std::string commands = run({"virsh", "help"}).text;
  for (const bool running : {true, false}) {
    for (const auto& row : read_table()) {
      if (commands.find(" " + row.command + " ") == std::string::npos) continue;  // this virsh is older
      SCOPED_TRACE("virsh " + row.command + (running ? ", running" : ", shut off"));
      expect(row, running);
    }
  }
}

}  // namespace
