// schemas/lxcell-stored.rng says in RELAX NG what the table of stored elements says; it is written by this test
// (LXCELL_UPDATE_SCHEMAS=1) and otherwise compared, so the two cannot drift apart.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "domain-xml/stored_grammar.hpp"
#include "domain-xml/stored_rules.hpp"
#include "domain-xml/writer.hpp"

namespace domain_xml {
namespace {

std::string define_name(std::string_view kind, std::string_view path) {
  std::string name = std::string(kind) + '.' + std::string(path);
  for (char& c : name)
    if (c == '/') c = '.';
  return name;
}

/// The rules one of which holds at `path`: its own, unless every word has one, and those of words.
std::vector<std::string> rules_for(const std::string& path) {
  std::vector<std::string> paths;
  bool own_holds = true;
  for (const StoredAttribute& attribute : stored_grammar(path).attributes) {
    for (const std::string_view word : attribute.words)
      if (const auto of_word = path_of_word(path, attribute, word); !of_word.empty()) paths.push_back(of_word);
    if (attribute.selects) own_holds = paths.size() < attribute.words.size();
  }
  if (own_holds) paths.push_back(path);
  return paths;
}

void write_value(Writer& writer, std::string_view path, const StoredAttribute& attribute) {
  if (attribute.number) writer.open("data").attribute("type", "unsignedInt").close();
  if (attribute.words.empty()) return;
  writer.open("choice");
  for (const std::string_view word : attribute.words)
    if (path_of_word(path, attribute, word).empty()) writer.leaf("value", word);
  writer.close();
}

void write_unit(Writer& writer) {
  writer.open("optional").open("attribute").attribute("name", "unit").close().close();
}

void write_attribute(Writer& writer, std::string_view path, const StoredAttribute& attribute) {
  if (!attribute.required) writer.open("optional");
  writer.open("attribute").attribute("name", attribute.name);
  write_value(writer, path, attribute);
  writer.close();
  if (!attribute.required) writer.close();
  if (attribute.size) write_unit(writer);
}

bool may_have_alias(std::string_view parent) {
  return parent == "devices";
}

void write_contents(Writer& writer, const std::string& path) {
  const std::vector<std::string> paths = rules_for(path);
  if (paths.size() > 1) writer.open("choice");
  for (const std::string& one : paths) writer.open("ref").attribute("name", define_name("content", one)).close();
  if (paths.size() > 1) writer.close();
}

void write_child(Writer& writer, const StoredChild& child, std::string_view parent) {
  if (!child.required) writer.open(child.repeats ? "zeroOrMore" : "optional");
  writer.open("element").attribute("name", child.name);
  if (may_have_alias(parent)) writer.open("interleave").open("ref").attribute("name", "alias").close();
  if (child.dropped)
    writer.open("ref").attribute("name", "anyContent").close();
  else if (has_stored_grammar(child.path) || child.path == "address")
    write_contents(writer, child.path);
  else
    writer.empty("empty");
  if (may_have_alias(parent)) writer.close();
  writer.close();
  if (!child.required) writer.close();
}

void write_children(Writer& writer, std::string_view path, const StoredGrammar& grammar) {
  writer.open("define").attribute("name", define_name("children", path));
  writer.open("interleave");
  for (const StoredChild& child : grammar.children) write_child(writer, child, path);
  writer.close().close();
}

void write_content(Writer& writer, std::string_view path, const StoredGrammar& grammar) {
  writer.open("define").attribute("name", define_name("content", path));
  for (const StoredAttribute& attribute : grammar.attributes) {
    const bool type_of_address = path.starts_with("address/") && attribute.name == "type";
    if (type_of_address)
      writer.open("attribute").attribute("name", "type").leaf("value", path.substr(path.find('/') + 1)).close();
    else
      write_attribute(writer, path, attribute);
  }
  if (grammar.has_size) write_unit(writer);
  if (grammar.has_text)
    writer.empty("text");
  else if (!grammar.children.empty())
    writer.open("ref").attribute("name", define_name("children", path)).close();
  else if (grammar.attributes.empty())
    writer.empty("empty");
  writer.close();
}

void write_address(Writer& writer) {
  writer.open("define").attribute("name", "content.address").open("choice");
  for (const StoredRule& rule : kStoredRules)
    if (rule.path.starts_with("address/"))
      writer.open("ref").attribute("name", define_name("content", rule.path)).close();
  writer.close().close();
}

void write_whole(Writer& writer, std::string_view path) {
  writer.open("define").attribute("name", define_name("stored", path));
  writer.open("element").attribute("name", path.substr(path.rfind('/') + 1));
  writer.open("ref").attribute("name", define_name("content", path)).close();
  writer.close().close();
}

std::string stored_schema() {
  Writer writer;
  writer.open("grammar").attribute("xmlns", "http://relaxng.org/ns/structure/1.0");
  writer.attribute("datatypeLibrary", "http://www.w3.org/2001/XMLSchema-datatypes");
  for (const StoredRule& rule : kStoredRules) {
    const StoredGrammar& grammar = stored_grammar(rule.path);
    if (rules_for(std::string(rule.path)).back() != rule.path) continue;
    write_content(writer, rule.path, grammar);
    if (!grammar.children.empty()) write_children(writer, rule.path, grammar);
  }
  write_address(writer);
  write_whole(writer, "address");
  write_whole(writer, "timer/catchup");
  writer.close();
  return "<!-- Written from the table in domain-xml/stored_rules.hpp: elements that are kept and mean nothing. -->\n" +
         writer.take();
}

TEST(StoredSchema, SaysWhatTheTableSays) {
  const std::string path = std::string(SOURCE_DIR) + "/schemas/lxcell-stored.rng";
  const std::string expected = stored_schema();
  if (std::getenv("LXCELL_UPDATE_SCHEMAS") != nullptr) std::ofstream(path) << expected;
  std::ostringstream found;
  found << std::ifstream(path).rdbuf();
  EXPECT_TRUE(found.str() == expected) << "run this test with LXCELL_UPDATE_SCHEMAS=1 to write " << path;
}

TEST(StoredRules, NameEveryPathOnce) {
  for (const StoredRule& rule : kStoredRules) {
    int count = 0;
    for (const StoredRule& other : kStoredRules) count += other.path == rule.path ? 1 : 0;
    EXPECT_EQ(count, 1) << rule.path;
  }
}

}  // namespace
}  // namespace domain_xml
