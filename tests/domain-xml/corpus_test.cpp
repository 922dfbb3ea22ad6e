// tests/data/corpus: documents over the whole grammar, good and bad. What defines comes back from its own text, or a
// restart of the daemon would lose it; what does not is refused by us and not by an accident.
// tests/system/compare-xml.sh compares the same documents with libvirt's own driver.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "documents.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/parse.hpp"

namespace domain_xml {
namespace {

struct Document {
  std::string name, xml;
};

std::vector<Document> corpus() {
  std::vector<Document> documents;
  for (const auto& entry : std::filesystem::directory_iterator(TEST_DATA_DIR "/corpus")) {
    if (entry.path().extension() != ".xml") continue;
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    documents.push_back({entry.path().filename().string(), text.str()});
  }
  return documents;
}

TEST(Corpus, WhatDefinesComesBack) {
  std::size_t defined = 0;
  for (const Document& one : corpus()) {
    DomainDefinition definition;
    if (error_of([&] { definition = define(one.xml); })) continue;
    ++defined;
    const std::string text = format_domain(definition, View::Inactive);
    const auto error = error_of([&] { EXPECT_EQ(dump(text), text) << one.name; });
    EXPECT_FALSE(error.has_value()) << one.name << ": " << error->message();
    const auto status = error_of([&] {
      EXPECT_TRUE(parse_status_domain(format_domain(definition, View::Status, 7)) == definition) << one.name;
    });
    EXPECT_FALSE(status.has_value()) << one.name << ": " << status->message();
  }
  EXPECT_GE(defined, 500u);
}

/// What `virsh define --validate` takes with libvirt's driver it takes with ours, if it defines at all.
TEST(Corpus, OurSchemaAcceptsWhatLibvirtsAccepts) {
  const std::string theirs = "/usr/share/libvirt/schemas/domain.rng";
  if (!std::filesystem::exists(theirs)) GTEST_SKIP() << "libvirt's schemas are not installed";
  const Schema schema(theirs);
  std::size_t accepted = 0;
  for (const Document& one : corpus()) {
    const std::string& text = one.xml;
    if (error_of([&] { define(text); }) || error_of([&] { schema.validate(text); })) continue;
    ++accepted;
    const auto error = error_of([&] { our_schema().validate(text); });
    EXPECT_FALSE(error.has_value()) << one.name << ": " << error->message();
  }
  EXPECT_GE(accepted, 400u);
}

TEST(Corpus, RefusalsSayWhat) {
  for (const Document& one : corpus()) {
    const auto error = error_of([&] { define(one.xml); });
    if (!error) continue;
    EXPECT_FALSE(error->message().empty()) << one.name;
  }
}

}  // namespace
}  // namespace domain_xml
