#include "driver/definition_journal.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <thread>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "driver/root_fixture.hpp"

namespace {

using namespace driver;
namespace fs = std::filesystem;

class DefinitionJournalTest : public test::RootFixture {
 protected:
  void SetUp() override {
    RootFixture::SetUp();
    path_ = root_ + "/journal";
    files_ = std::make_unique<DefinitionFiles>(paths_);
  }
  void TearDown() override {
    journal_.reset();
    RootFixture::TearDown();
  }

  void begin(std::size_t bytes = 1 << 20) { journal_ = std::make_unique<DefinitionJournal>(*files_, path_, bytes); }
  void define(const std::string& name, const std::string& text) { journal_->commit({{.name = name, .text = text}}); }
  void undefine(const std::string& name) { journal_->commit({{.name = name, .removed = true, .autostart = false}}); }
  void autostart(const std::string& name, bool on) { journal_->commit({{.name = name, .autostart = on}}); }
  std::string file(const std::string& name) const { return paths_.definitions + "/" + name + ".xml"; }
  std::string link(const std::string& name) const { return paths_.autostart + "/" + name + ".xml"; }
  /// The file's text, "-" if there is none.
  std::string text(const std::string& name) const { return fs::exists(file(name)) ? base::read_file(file(name)) : "-"; }
  std::size_t in_the_journal() const { return JournalFile(path_).read().size(); }

  /// A journal as a daemon leaves it that is killed before it brings anything to the files: these payloads.
  std::string crashed(const std::function<void()>& changes) {
    // A directory in the place of each file keeps the changes in the journal.
    for (const char* name : {"a", "b", "c"}) fs::create_directory(file(name));
    begin();
    changes();
    const std::string bytes = base::read_file(path_);
    for (const char* name : {"a", "b", "c"}) fs::remove(file(name));
    journal_.reset();
    for (const char* name : {"a", "b", "c"}) fs::remove(file(name));
    return bytes;
  }
  void put_journal(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  std::string path_;
  std::unique_ptr<DefinitionFiles> files_;
  std::unique_ptr<DefinitionJournal> journal_;
};

TEST_F(DefinitionJournalTest, IsEmptyAndEverythingInPlaceAtTheEnd) {
  begin();
  define("a", "one");
  define("a", "two");
  define("b", "three");
  autostart("b", true);
  journal_.reset();
  EXPECT_EQ(text("a"), "two");
  EXPECT_EQ(text("b"), "three");
  EXPECT_EQ(fs::read_symlink(link("b")), file("b"));
  EXPECT_EQ(in_the_journal(), 0u);
  EXPECT_EQ(fs::status(path_).permissions(), fs::perms(0600));
  EXPECT_EQ(fs::status(file("a")).permissions(), fs::perms(0600));
}

TEST_F(DefinitionJournalTest, FilesFollowWithoutAnybodyAsking) {
  begin();
  define("a", "one");
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (text("a") != "one" && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  EXPECT_EQ(text("a"), "one");
}

TEST_F(DefinitionJournalTest, EveryCutLeavesEachChangeWholeOrAbsent) {
  const std::string long_text(9000, 'x');
  const std::string bytes = crashed([&] {
    define("a", "one");
    define("b", long_text);
    define("c", "three");
  });
  std::size_t end = bytes.size();
  while (end > 0 && bytes[end - 1] == '\0') --end;
  ASSERT_GT(end, 5 * JournalFile::kBlock);
  std::size_t most = 0;
  for (std::size_t cut = 0; cut <= end; ++cut) {
    put_journal(bytes.substr(0, cut));
    const auto payloads = JournalFile(path_).read();
    ASSERT_GE(payloads.size(), most) << "cut at " << cut;
    most = payloads.size();
    ASSERT_LE(most, 3u);
    // A frame counts from its last byte on, and every earlier one with it.
    if (most == 2) {
      ASSERT_NE(payloads[1].find(long_text), std::string::npos);
    }
  }
  EXPECT_EQ(most, 3u);
  // The same through the files, around every block: old or new and never broken.
  for (std::size_t cut = 0; cut <= end + JournalFile::kBlock; cut += JournalFile::kBlock / 4) {
    for (const char* name : {"a", "b", "c"}) std::ofstream(file(name)) << "old";
    put_journal(bytes.substr(0, cut));
    begin();
    journal_.reset();
    EXPECT_TRUE(text("a") == "old" || text("a") == "one") << cut;
    EXPECT_TRUE(text("b") == "old" || text("b") == long_text) << cut;
    EXPECT_TRUE(text("c") == "old" || text("c") == "three") << cut;
    EXPECT_TRUE(text("c") == "old" || text("b") == long_text) << cut;
    EXPECT_TRUE(text("b") == "old" || text("a") == "one") << cut;
  }
}

TEST_F(DefinitionJournalTest, NothingBehindADamagedByteIsTrusted) {
  const std::string bytes = crashed([&] {
    define("a", "one");
    define("b", "two");
    define("c", "three");
  });
  // The second change's frame: head, flags, name and text are 16 + 1 + 5 + 7 bytes.
  for (std::size_t at = 2 * JournalFile::kBlock; at < 2 * JournalFile::kBlock + 29; ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    for (const char* name : {"a", "b", "c"}) fs::remove(file(name));
    put_journal(damaged);
    begin();
    define("c", "after");
    journal_.reset();
    EXPECT_EQ(text("a"), "one") << at;
    EXPECT_EQ(text("b"), "-") << at;
    EXPECT_EQ(text("c"), "after") << at;
    EXPECT_EQ(base::read_file(path_ + ".damaged"), damaged) << "kept for those who want to look";
  }
}

TEST_F(DefinitionJournalTest, ReplayKeepsTheOrderAndMayHappenTwice) {
  const std::string bytes = crashed([&] {
    define("a", "one");
    autostart("a", true);
    undefine("a");
    define("a", "two");
    define("b", "three");
    autostart("b", true);
    define("c", "four");
    undefine("c");
    define("b", "five");
  });
  std::ofstream(file("c")) << "old";
  for (int round = 0; round < 2; ++round) {
    put_journal(bytes);
    begin();
    journal_.reset();
    EXPECT_EQ(text("a"), "two");
    EXPECT_FALSE(fs::exists(fs::symlink_status(link("a")))) << "undefine ended it";
    EXPECT_EQ(text("b"), "five");
    EXPECT_TRUE(fs::is_symlink(link("b")));
    EXPECT_EQ(text("c"), "-");
    EXPECT_EQ(in_the_journal(), 0u);
  }
}

TEST_F(DefinitionJournalTest, ManyThreadsShareAndNoneIsForgotten) {
  constexpr int kThreads = 16, kEach = 50;
  begin(16 * JournalFile::kBlock);  // full over and over
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([this, i] {
      const std::string name = "t" + std::to_string(i);
      for (int k = 0; k < kEach; ++k) {
        define(name, "version " + std::to_string(k));
        if (k % 7 == 3) undefine(name);
      }
      if (i % 2) undefine(name);
    });
  for (auto& thread : threads) thread.join();
  // What a crash right now would leave: journal and files as they are.
  const std::string bytes = base::read_file(path_);
  journal_.reset();
  for (int i = 0; i < kThreads; ++i)
    EXPECT_EQ(text("t" + std::to_string(i)), i % 2 ? "-" : "version " + std::to_string(kEach - 1));
  put_journal(bytes);
  begin();
  journal_.reset();
  for (int i = 0; i < kThreads; ++i)
    EXPECT_EQ(text("t" + std::to_string(i)), i % 2 ? "-" : "version " + std::to_string(kEach - 1));
}

TEST_F(DefinitionJournalTest, WhatIsLargerThanTheJournalGoesToTheFileAtOnce) {
  begin(4 * JournalFile::kBlock);
  define("a", "small");
  define("a", std::string(100000, 'x'));
  EXPECT_EQ(text("a"), std::string(100000, 'x'));
  EXPECT_EQ(in_the_journal(), 0u) << "the smaller one before would come back";
  define("a", "small again");
  journal_.reset();
  EXPECT_EQ(text("a"), "small again");
}

TEST_F(DefinitionJournalTest, WithoutAJournalChangesGoToTheFilesAtOnce) {
  fs::create_directory(path_ + ".new");
  begin();
  define("a", "one");
  EXPECT_EQ(text("a"), "one");
  undefine("a");
  EXPECT_EQ(text("a"), "-");
  EXPECT_FALSE(fs::exists(path_));
}

/// Nothing may be written behind this offset of any file (setrlimit(2), EFBIG), while it exists.
class SmallFiles {
 public:
  explicit SmallFiles(rlim_t bytes) {
    before_signal_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallFiles() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, before_signal_);
  }

 private:
  rlimit before_{};
  void (*before_signal_)(int) = nullptr;
};

TEST_F(DefinitionJournalTest, FailedWriteOfTheJournalIsMadeGoodInTheFiles) {
  begin();
  {
    const SmallFiles limit(JournalFile::kBlock);  // the header can be written, no change
    define("a", "one");
    EXPECT_EQ(text("a"), "one");
    EXPECT_EQ(in_the_journal(), 0u);
  }
  define("a", "two");
  journal_.reset();
  EXPECT_EQ(text("a"), "two");
}

TEST_F(DefinitionJournalTest, DiskThatTakesNothingRefusesAndKeepsTheOldOne) {
  begin();
  define("a", "one");
  journal_->settle();
  {
    const SmallFiles limit(0);
    try {
      define("a", "two");
      FAIL() << "nothing can have been written";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Code::SystemError);
      EXPECT_NE(error.message().find("cannot write '"), std::string::npos) << error.message();
    }
    EXPECT_EQ(text("a"), "one");
  }
  define("b", "three");
  journal_.reset();
  EXPECT_EQ(text("a"), "one");
  EXPECT_EQ(text("b"), "three");
}

TEST_F(DefinitionJournalTest, FileThatCannotBeReplacedIsKeptAndHindersNobodyElse) {
  begin();
  fs::create_directory(file("a"));
  define("a", "one");
  journal_->settle();
  EXPECT_EQ(journal_->pending().count("a"), 1u);
  EXPECT_THROW(define("a", "two"), base::Error) << "it is known now";
  define("b", "three");
  EXPECT_EQ(*journal_->pending().at("a")->text, "one");
  fs::remove(file("a"));
  define("a", "four");
  journal_.reset();
  EXPECT_EQ(text("a"), "four");
  EXPECT_EQ(text("b"), "three");
}

TEST_F(DefinitionJournalTest, NameThatIsNoFileNameIsRefused) {
  begin();
  EXPECT_THROW(define(std::string(250, 'n'), "one"), base::Error);
  EXPECT_TRUE(journal_->pending().empty());
}

}  // namespace
