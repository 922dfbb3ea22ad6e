#include "base/log.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace base::log {
namespace {

TEST(LogText, FiltersAsLibvirtWritesThem) {
  const auto filters = parse_filters(" 1:driver.domain  4:rpc\n3:+util ");
  ASSERT_TRUE(filters);
  EXPECT_EQ(*filters,
            (std::vector<Filter>{{Level::Debug, "driver.domain"}, {Level::Error, "rpc"}, {Level::Warning, "util"}}));
  EXPECT_EQ(format_filters(*filters), "1:driver.domain 4:rpc 3:util");
  EXPECT_TRUE(parse_filters("")->empty());
  for (const char* text : {"1", "1:", "0:x", "5:x", "x:1", "1 :x", "12:x", "1:+"})
    EXPECT_FALSE(parse_filters(text)) << text;
}

TEST(LogText, OutputsAsLibvirtWritesThem) {
  const std::string text = "1:file:/var/log/a.log 2:stderr 3:journald 4:syslog:lxcell";
  const auto outputs = parse_outputs(text);
  ASSERT_TRUE(outputs);
  EXPECT_EQ(outputs->size(), 4u);
  EXPECT_EQ(format_outputs(*outputs), text);
  for (const char* bad : {"1:file:", "1:file:a", "1:syslog:", "1:syslog", "1:stdout", "stderr", "1:stderr:"})
    EXPECT_FALSE(parse_outputs(bad)) << bad;
}

class LogOutput : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/lxcell-log-XXXXXX";
    folder_ = ::mkdtemp(pattern);
  }
  void TearDown() override {
    set_filters({});
    configure(Level::Warning, "");
    std::filesystem::remove_all(folder_);
  }
  /// The words after the level, a line each.
  std::string lines(const std::string& file) const {
    std::string text = read_file(folder_ + "/" + file), found;
    for (std::size_t at = 0; at < text.size();) {
      const auto end = text.find('\n', at);
      const std::string line = text.substr(at, end - at);
      found += line.substr(line.rfind(": ") + 2) + ";";
      at = end + 1;
    }
    return found;
  }
  std::string folder_;
};

TEST_F(LogOutput, AFilterSaysMoreOrLessOfAPart) {
  configure(Level::Warning, folder_ + "/log");
  EXPECT_FALSE(enabled(Level::Info));
  info("before {}", 1);
  set_filters({{Level::Debug, "base.log_test"}});
  EXPECT_TRUE(enabled(Level::Debug));
  debug("this file {}", 2);
  write(Level::Info, "another file", "../driver/domain.cpp");
  set_filters({{Level::Error, "driver"}});
  write(Level::Warning, "quieter", "../driver/domain.cpp");
  write(Level::Error, "loud", "../driver/domain.cpp");
  warning("as usual");
  EXPECT_EQ(lines("log"), "this file 2;loud;as usual;");
}

TEST_F(LogOutput, EachOutputHasItsLevelAndNoneMeansTheUsual) {
  configure(Level::Debug, folder_ + "/usual");
  set_outputs(
      {{Output::Kind::File, Level::Debug, folder_ + "/all"}, {Output::Kind::File, Level::Error, folder_ + "/worst"}});
  info("small");
  error("great");
  set_outputs({});
  info("again");
  EXPECT_EQ(lines("all"), "small;great;");
  EXPECT_EQ(lines("worst"), "great;");
  EXPECT_EQ(lines("usual"), "again;");
  EXPECT_THROW(set_outputs({{Output::Kind::File, Level::Debug, folder_}}), Error);
  info("still");
  EXPECT_EQ(lines("usual"), "again;still;");
}

}  // namespace
}  // namespace base::log
