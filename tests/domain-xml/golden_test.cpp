// tests/data/domain-xml: NAME.xml as a user writes it, NAME.out.xml as it is printed (compared with libvirt's own
// once).
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "documents.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/parse.hpp"
#include "domain-xml/schema.hpp"
#include "domain-xml/validate.hpp"

namespace domain_xml {
namespace {

const std::string kFolder = TEST_DATA_DIR "/domain-xml/";

std::string read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::vector<std::string> names() {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".xml") && !name.ends_with(".out.xml")) found.push_back(name.substr(0, name.size() - 4));
  }
  std::sort(found.begin(), found.end());
  return found;
}

class Golden : public testing::TestWithParam<std::string> {
 protected:
  std::string input() const { return read(kFolder + GetParam() + ".xml"); }
  std::string output() const { return read(kFolder + GetParam() + ".out.xml"); }
};

TEST_P(Golden, PrintsAsExpected) {
  ASSERT_FALSE(output().empty());
  EXPECT_EQ(dump(input()), output());
}

TEST_P(Golden, OutputIsAFixPoint) {
  EXPECT_EQ(dump(output()), output());
}

TEST_P(Golden, StatusKeepsEverything) {
  const DomainDefinition definition = define(input());
  EXPECT_TRUE(parse_status_domain(format_domain(definition, View::Status, 42)) == definition);
}

TEST_P(Golden, AgreesWithTheSchema) {
  const auto error = error_of([&] { our_schema().validate(input()); });
  if (GetParam() == "unknown")
    EXPECT_TRUE(error.has_value()) << "unknown elements must be refused when validation is asked for";
  else
    EXPECT_FALSE(error.has_value()) << error->message();
}

TEST_P(Golden, OutputAgreesWithTheSchema) {
  for (const View view : {View::Inactive, View::Live, View::Status}) {
    const auto error = error_of([&] { our_schema().validate(format_domain(define(input()), view, 5)); });
    EXPECT_FALSE(error.has_value()) << error->message();
  }
}

INSTANTIATE_TEST_SUITE_P(Corpus, Golden, testing::ValuesIn(names()), [](const auto& test) { return test.param; });

TEST(GoldenCorpus, IsThere) {
  EXPECT_GE(names().size(), 10u);
}

}  // namespace
}  // namespace domain_xml
