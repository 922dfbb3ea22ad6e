// Consoles through streams, as virsh console uses them.
#include <memory>
#include <random>

#include "support/fixture.hpp"

namespace {

using namespace support;

class ConsoleTest : public SystemTest {
 protected:
  Rootfs root_{init::kEcho};
};

TEST_F(ConsoleTest, OutputFromBeforeTheViewerCameIsShown) {
  const Domain domain = define_and_start(xml("console", root_));
  ASSERT_TRUE(root_.wait_ready());
  const auto console = Console::open(domain);
  ASSERT_TRUE(console);
  EXPECT_TRUE(console->wait_for("hello from init")) << console->text();
}

TEST_F(ConsoleTest, TypingReachesInitAndItsAnswerComesBack) {
  const Domain domain = define_and_start(xml("console", root_));
  const auto console = Console::open(domain);
  ASSERT_TRUE(console);
  ASSERT_TRUE(root_.wait_ready());
  console->type("one\n");
  EXPECT_TRUE(console->wait_for("echo: one")) << console->text();
  console->type("two words\n");
  EXPECT_TRUE(console->wait_for("echo: two words")) << console->text();
}

TEST_F(ConsoleTest, EndsWhenTheContainerStops) {
  const Domain domain = define_and_start(xml("console", root_));
  const auto console = Console::open(domain);
  ASSERT_TRUE(console);
  ASSERT_TRUE(console->wait_for("hello"));
  ASSERT_TRUE(ok(virDomainDestroy(domain)));
  EXPECT_TRUE(console->wait_for_end());
  EXPECT_EQ(virConnectIsAlive(connection_), 1);
}

TEST_F(ConsoleTest, LastWordsAreDelivered) {
  root_.set_init(": > /ready\nwhile [ ! -e /go ]; do usleep 5000; done\nrm /go\nseq 1 400\necho last words\n");
  const Domain domain = create(xml("console", root_));
  const auto console = Console::open(domain);
  ASSERT_TRUE(console);
  ASSERT_TRUE(root_.wait_ready());
  root_.write("go", "");
  EXPECT_TRUE(console->wait_for_end());
  if (host().is_stock()) return;  // loses what the controller had not copied yet
  EXPECT_NE(console->text().find("last words"), std::string::npos) << console->text().size() << " bytes";
}

TEST_F(ConsoleTest, ViewerMayComeAndGo) {
  const Domain domain = define_and_start(xml("console", root_));
  ASSERT_TRUE(root_.wait_ready());
  for (int i = 0; i < 3; ++i) {
    const auto console = Console::open(domain);
    ASSERT_TRUE(console) << "viewer " << i;
    console->type("round " + std::to_string(i) + "\n");
    EXPECT_TRUE(console->wait_for("echo: round " + std::to_string(i))) << console->text();
  }
}

TEST_F(ConsoleTest, NobodyReadingNeverBlocksTheContainer) {
  SKIP_ON_STOCK("a full host pty stops the container's output");
  // More than any pty buffers.
  root_.set_init(
      "i=0; while [ $i -lt 3000 ]; do echo 'a line that nobody reads, of some eighty characters or so'; "
      "i=$((i + 1)); done\n: > /ready\necho the end\nsleep 100000\n");
  const Domain domain = define_and_start(xml("console", root_));
  EXPECT_TRUE(root_.wait_ready());
  const auto console = Console::open(domain);
  ASSERT_TRUE(console);
  EXPECT_TRUE(console->wait_for("the end"));
}

TEST_F(ConsoleTest, MuchOutputArrivesWhole) {
  root_.set_init("stty -echo -onlcr; : > /ready\nread -r go; seq 1 20000\necho the end\nsleep 100000\n");
  const Domain domain = define_and_start(xml("console", root_));
  const auto console = Console::open(domain);
  ASSERT_TRUE(console);
  ASSERT_TRUE(root_.wait_ready());
  console->type("go\n");
  ASSERT_TRUE(console->wait_for("the end")) << console->text().size() << " bytes arrived";
  std::string expected;
  for (int i = 1; i <= 20000; ++i) expected += std::to_string(i) + "\n";
  EXPECT_NE(console->text().find(expected), std::string::npos) << "some bytes were lost or changed";
}

TEST_F(ConsoleTest, AHundredMegabytesOfAnyBytesArriveIntact) {
  SKIP_ON_STOCK("what its host pty has no room for is lost");
  constexpr std::size_t kMegabytes = 100;
  std::string chunk(1 << 20, 0);
  std::minstd_rand random(7);
  for (char& byte : chunk) byte = static_cast<char>(random() >> 8);
  root_.write("chunk", chunk);
  root_.set_init("stty raw -echo; : > /ready\nread -r go; i=0; while [ $i -lt " + std::to_string(kMegabytes) +
                 " ]; do cat /chunk; i=$((i + 1)); done; echo 'the very end'\nsleep 100000\n");
  const Domain domain = define_and_start(xml("console", root_));
  const auto console = Console::open(domain);
  ASSERT_TRUE(console);
  ASSERT_TRUE(root_.wait_ready());
  console->type("go\n");
  EXPECT_TRUE(eventually([&] { return console->size() >= kMegabytes << 20; }, 4 * patience()))
      << console->size() << " bytes arrived";
  ASSERT_TRUE(console->wait_for("the very end"));
  const std::string text = console->text();
  ASSERT_GE(text.size(), kMegabytes << 20);
  for (std::size_t i = 0; i < kMegabytes; ++i)
    ASSERT_EQ(text.compare(i << 20, chunk.size(), chunk), 0) << "megabyte " << i << " is another";
}

TEST_F(ConsoleTest, ALogHasEverythingAndIsAppendedToIfAsked) {
  SKIP_ON_STOCK("it logs no consoles");
  const std::string folder = make_folder("logs");
  DomainXml definition = xml("console", root_);
  definition.consoles = 0;
  definition.devices = "<console type='pty'><log file='" + folder + "/new' append='off'/></console>" +
                       "<console type='pty'><log file='" + folder + "/kept' append='on'/></console>";
  root_.set_init("stty -echo -onlcr; echo to new; echo to kept > /dev/tty2; : > /ready\nsleep 100000\n");
  const Domain domain = define(definition);
  for (int run = 1; run <= 2; ++run) {
    ASSERT_TRUE(ok(virDomainCreate(domain)));
    ASSERT_TRUE(root_.wait_ready());
    const std::string kept = run == 1 ? "to kept\r\n" : "to kept\r\nto kept\r\n";
    EXPECT_TRUE(eventually([&] { return read_text(folder + "/new") == "to new\n"; })) << read_text(folder + "/new");
    EXPECT_TRUE(eventually([&] { return read_text(folder + "/kept") == kept; })) << read_text(folder + "/kept");
    const auto console = Console::open(domain);
    ASSERT_TRUE(console);
    EXPECT_TRUE(console->wait_for("to new")) << "the log is one more reader";
    ASSERT_TRUE(ok(virDomainDestroy(domain)));
  }
}

TEST_F(ConsoleTest, ALogThatCannotBeWrittenFailsTheStartByName) {
  SKIP_ON_STOCK("it logs no consoles");
  DomainXml definition = xml("console", root_);
  definition.consoles = 0;
  definition.devices = "<console type='pty'><log file='/nowhere/at/all.log'/></console>";
  const Domain domain = define(definition);
  EXPECT_EQ(virDomainCreate(domain), -1);
  EXPECT_NE(last_failure().message.find("cannot open console log '/nowhere/at/all.log'"), std::string::npos)
      << last_failure().message;
}

TEST_F(ConsoleTest, MuchInputArrivesWhole) {
  root_.set_init(
      "stty raw -echo; : > /ready\ndd bs=1 count=100000 of=/typed 2>/dev/null\nmv /typed /all\nsleep 100000\n");
  const Domain domain = define_and_start(xml("console", root_));
  const auto console = Console::open(domain);
  ASSERT_TRUE(console);
  ASSERT_TRUE(root_.wait_ready());
  std::string text;
  while (text.size() < 100000) text += "0123456789abcdef";
  text.resize(100000);
  console->type(text);
  ASSERT_TRUE(root_.wait_for("all")) << root_.read("typed").size() << " bytes arrived";
  EXPECT_EQ(root_.read("all"), text);
}

TEST_F(ConsoleTest, EveryConsoleIsItsOwn) {
  root_.set_init(R"(stty -echo
echo first > /dev/console
echo second > /dev/tty2
: > /ready
sleep 100000
)");
  DomainXml definition = xml("console", root_);
  definition.consoles = 2;
  const Domain domain = define_and_start(definition);
  const auto first = Console::open(domain, "console0");
  const auto second = Console::open(domain, "console1");
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  EXPECT_TRUE(first->wait_for("first"));
  EXPECT_TRUE(second->wait_for("second"));
  EXPECT_EQ(first->text().find("second"), std::string::npos);
}

TEST_F(ConsoleTest, TwoViewersLeaveTheConnectionUsable) {
  const Domain domain = define_and_start(xml("console", root_));
  const Connection other = host().connect();
  const Domain same(virDomainLookupByName(other, own_name("console").c_str()));
  const auto first = Console::open(domain);
  ASSERT_TRUE(first);
  Failure why;
  const auto second = Console::open(same, nullptr, 0, &why);
  // Shared or exclusive, the container's answer reaches at least one of those who got in.
  EXPECT_TRUE(second || why.code == VIR_ERR_OPERATION_FAILED) << describe(why);
  ASSERT_TRUE(root_.wait_ready());
  (second ? second : first)->type("shared\n");
  EXPECT_TRUE(eventually([&] {
    const std::string all = first->text() + (second ? second->text() : "");
    return all.find("echo: ") != std::string::npos || all.find("shared") != std::string::npos;
  }));
  EXPECT_GE(virConnectNumOfDomains(other), 1);
}

TEST_F(ConsoleTest, TwoViewersSeeTheSame) {
  SKIP_ON_STOCK("two viewers steal each other's output");
  const Domain domain = define_and_start(xml("console", root_));
  const auto first = Console::open(domain);
  ASSERT_TRUE(first);
  ASSERT_TRUE(root_.wait_ready());
  Failure why;
  const auto second = Console::open(domain, nullptr, 0, &why);
  if (!second) {
    // An exclusive console is the other right answer: the second is told, the first keeps all.
    EXPECT_EQ(why.code, VIR_ERR_OPERATION_FAILED) << describe(why);
    first->type("mine\n");
    EXPECT_TRUE(first->wait_for("echo: mine"));
    return;
  }
  second->type("from the second\n");
  EXPECT_TRUE(second->wait_for("echo: from the second"));
}

TEST_F(ConsoleTest, ForceEndsTheOtherViewersAndSafeShares) {
  SKIP_ON_STOCK("it hands out its pty without knowing who has it");
  const Domain domain = define_and_start(xml("console", root_));
  ASSERT_TRUE(root_.wait_ready());
  const auto first = Console::open(domain), safe = Console::open(domain, nullptr, VIR_DOMAIN_CONSOLE_SAFE);
  ASSERT_TRUE(first && safe);
  first->type("one\n");
  EXPECT_TRUE(first->wait_for("echo: one"));
  EXPECT_TRUE(safe->wait_for("echo: one")) << "both see all of it";
  const auto forced = Console::open(domain, "console0", VIR_DOMAIN_CONSOLE_FORCE);
  ASSERT_TRUE(forced);
  EXPECT_TRUE(first->wait_for_end());
  EXPECT_TRUE(safe->wait_for_end());
  forced->type("two\n");
  EXPECT_TRUE(forced->wait_for("echo: two"));
  EXPECT_EQ(first->text().find("echo: two"), std::string::npos);
}

TEST_F(ConsoleTest, UnknownAliasIsNamed) {
  const Domain domain = define_and_start(xml("console", root_));
  Failure why;
  EXPECT_FALSE(Console::open(domain, "console7", 0, &why));
  EXPECT_EQ(why.code, VIR_ERR_INTERNAL_ERROR) << describe(why);
  EXPECT_NE(why.message.find("console7"), std::string::npos) << why.message;
}

TEST_F(ConsoleTest, ClientThatVanishesFreesTheConsole) {
  const Domain domain = define_and_start(xml("console", root_));
  {
    const Connection other = host().connect();
    const Domain same(virDomainLookupByName(other, own_name("console").c_str()));
    const auto console = Console::open(same);
    ASSERT_TRUE(console);
  }
  ASSERT_TRUE(root_.wait_ready());
  const auto console = Console::open(domain);
  ASSERT_TRUE(console);
  console->type("still here\n");
  EXPECT_TRUE(console->wait_for("echo: still here"));
}

}  // namespace
