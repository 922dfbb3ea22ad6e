// The power goes between any two writes of the daemon's to its definitions, and in the middle of them: what was
// answered is there, what was not is old or new, and everything can be read.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <mutex>
#include <set>

#include "driver/store.hpp"
#include "soak/faults/disk_model.hpp"
#include "soak/faults/stage.hpp"

namespace faults {
namespace {

using namespace support;
namespace fs = std::filesystem;

/// Title and autostart of each definition, by name.
using Books = std::map<std::string, std::pair<std::string, bool>>;

class PowerLossTest : public testing::Test {
 protected:
  struct Step {
    std::function<bool()> act;
    Books after;
  };
  struct Event {
    std::optional<DiskChange> change;  // none: a call was answered
  };

  std::string xml(const std::string& word, const std::string& title) const {
    DomainXml definition;
    definition.name = stage_.name(word);
    definition.uuid = "7d6f3a10-5a0e-4ff3-9d5b-0a1b2c3d4e" + std::string(word == "a"   ? "aa"
                                                                         : word == "b" ? "bb"
                                                                                       : "cc");
    definition.elements = "  <title>" + title + "</title>\n";
    definition.root = "/nowhere";
    return definition.text();
  }
  std::function<bool()> define(const std::string& word, const std::string& title) {
    return [this, word, title] {
      return static_cast<bool>(Domain(virDomainDefineXML(stage_.connection(), xml(word, title).c_str())));
    };
  }
  template <typename Call>
  std::function<bool()> on(const std::string& word, Call call) {
    return [this, word, call] { return call(Domain(stage_.find(word))) == 0; };
  }

  /// What a daemon finds that starts there.
  Books load(const std::string& root) const {
    const auto paths = driver::Paths::below(root, "lxcell");
    Books books;
    driver::Store store(paths);
    for (const auto& definition : store.load_definitions())
      books[definition.name.substr(stage_.name("").size())] = {definition.title, store.autostart(definition.name)};
    return books;
  }

  Stage stage_;
  std::mutex mutex_;
  std::vector<Event> story_;
};

std::string text(const Books& books) {
  std::string all;
  for (const auto& [name, what] : books) all += name + "=" + what.first + (what.second ? "+ " : " ");
  return all;
}

TEST_F(PowerLossTest, BetweenAnyTwoWrites) {
  const std::string root = stage_.daemon().root();
  const std::string long_title(9000, 'x');
  const auto undefine = [](virDomainPtr domain) { return virDomainUndefine(domain); };
  const auto autostart = [](int enable) {
    return [enable](virDomainPtr domain) { return virDomainSetAutostart(domain, enable); };
  };
  const std::vector<Step> steps = {
      {define("a", "one"), {{"a", {"one", false}}}},
      {define("a", "two"), {{"a", {"two", false}}}},
      {define("b", long_title), {{"a", {"two", false}}, {"b", {long_title, false}}}},
      {on("a", autostart(1)), {{"a", {"two", true}}, {"b", {long_title, false}}}},
      {on("a", [this](virDomainPtr domain) { return virDomainRename(domain, stage_.name("c").c_str(), 0); }),
       {{"b", {long_title, false}}, {"c", {"two", true}}}},
      {define("b", "short"), {{"b", {"short", false}}, {"c", {"two", true}}}},
      {on("c", undefine), {{"b", {"short", false}}}},
      {on("b", autostart(1)), {{"b", {"short", true}}}},
      {on("b", autostart(0)), {{"b", {"short", false}}}},
      {on("b", undefine), {}},
      {define("a", "again"), {{"a", {"again", false}}}},
  };
  DiskModel disk(root, {"etc", "var/lib"});
  stage_.tracer().watch([&](const SystemCall& call) {
    const std::scoped_lock lock(mutex_);
    for (auto& change : changes_of(call, root))
      if (change.path.starts_with(root + "/etc") || change.path.starts_with(root + "/var/lib"))
        story_.push_back({std::move(change)});
  });
  for (const auto& step : steps) {
    ASSERT_TRUE(step.act()) << describe(last_failure());
    const std::scoped_lock lock(mutex_);
    story_.push_back({});
  }
  const std::string last = stage_.daemon().config_folder() + "/" + stage_.name("a") + ".xml";
  EXPECT_TRUE(eventually([&] { return exists(last); }));
  stage_.tracer().watch(nullptr);

  std::size_t answered = 0, changes = 0, disks = 0;
  std::set<std::string> seen;
  for (std::size_t at = 0; at <= story_.size(); ++at) {
    if (at > 0) {
      if (story_[at - 1].change) {
        disk.apply(*story_[at - 1].change);
        ++changes;
      } else {
        ++answered;
      }
    }
    for (const Kept kept : kAllKept) {
      if (!seen.insert(std::to_string(answered) + disk.fingerprint(kept)).second) continue;
      const std::string place = make_folder("disk");
      disk.write(place, kept);
      const Books found = load(place);
      const Books old = answered == 0 ? Books{} : steps[answered - 1].after;
      // A write that is torn in the middle has not returned, so nobody has had an answer that relies on it.
      const bool torn = kept == Kept::HalfOfLastWrite && at > 0;
      const Books& next = answered < steps.size() ? steps[answered].after : old;
      EXPECT_TRUE((torn && !story_[at - 1].change) || found == old || found == next)
          << "after " << (at > 0 && story_[at - 1].change ? story_[at - 1].change->path : "an answer") << ", " << at
          << " of " << story_.size() << ", kept " << static_cast<int>(kept) << ":\nfound " << text(found) << "\nold   "
          << text(old) << "\nnew   " << text(next);
      ++disks;
      fs::remove_all(place);
    }
  }
  EXPECT_EQ(answered, steps.size());
  EXPECT_GT(changes, 30U);
  std::printf("[ FAULTS   ] power loss: %zu changes of files, %zu different disks loaded\n", changes, disks);
}

}  // namespace
}  // namespace faults
