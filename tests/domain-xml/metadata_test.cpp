#include "domain-xml/metadata.hpp"

#include <gtest/gtest.h>

#include "documents.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/parse.hpp"

namespace domain_xml {
namespace {

using base::Code;

DomainDefinition with_metadata(const std::string& xml) {
  return define(document({.top = "<metadata>" + xml + "</metadata>"}));
}

std::string metadata_block(const DomainDefinition& definition) {
  const std::string xml = format_domain(definition, View::Inactive);
  const auto begin = xml.find("  <metadata>");
  if (begin == std::string::npos) return {};
  const std::string end = "</metadata>\n";
  return xml.substr(begin, xml.find(end) + end.size() - begin);
}

Code code_of(const std::function<void()>& call) {
  const auto error = error_of(call);
  return error ? error->code() : Code::Ok;
}

TEST(Metadata, ForeignElementsAreKeptAsTheyAre) {
  const auto definition = with_metadata(
      "<a:x xmlns:a='urn:a' xmlns:o='urn:o' k='1' a:l='2' o:m='3'>mixed <a:y/> text &amp; <![CDATA[<more>]]></a:x>");
  EXPECT_EQ(metadata_block(definition),
            "  <metadata>\n"
            "    <a:x xmlns:a=\"urn:a\" xmlns:o=\"urn:o\" k=\"1\" a:l=\"2\" o:m=\"3\">mixed <a:y/> text &amp; "
            "<![CDATA[<more>]]></a:x>\n"
            "  </metadata>\n");
}

TEST(Metadata, LayoutIsMadeAnew) {
  const auto definition = with_metadata("\n\n<x xmlns='urn:x'><y>\n<z/>  </y></x>  ");
  EXPECT_EQ(metadata_block(definition),
            "  <metadata>\n    <x xmlns=\"urn:x\">\n      <y>\n        <z/>\n      </y>\n    </x>\n  </metadata>\n");
}

TEST(Metadata, OneElementPerNamespace) {
  const auto definition =
      with_metadata("<a xmlns='urn:1'/><b xmlns='urn:2'/><c xmlns='urn:1'/><plain/><!-- note -->text");
  EXPECT_EQ(metadata_block(definition),
            "  <metadata>\n    <a xmlns=\"urn:1\"/>\n    <b xmlns=\"urn:2\"/>\n  </metadata>\n");
}

TEST(Metadata, NamespaceDeclaredFurtherUpComesAlong) {
  const auto definition =
      define(document({.top = "<metadata><a:x/></metadata>", .type = "type='lxc' xmlns:a='urn:a'"}));
  EXPECT_EQ(get_metadata_element(definition, "urn:a"), "<x/>");
  EXPECT_EQ(define(format_domain(definition, View::Inactive)).metadata, definition.metadata);
}

TEST(Metadata, SetAndGet) {
  DomainDefinition definition = define(document({}));
  EXPECT_EQ(get_metadata_element(definition, "urn:n"), std::nullopt);
  set_metadata_element(definition, "urn:n", "k",
                       "<app a='1'><b>t</b><c xmlns='urn:q'/><p:d xmlns:p='urn:p' p:x='1'/></app>");
  EXPECT_EQ(metadata_block(definition),
            "  <metadata>\n"
            "    <k:app xmlns:k=\"urn:n\" a=\"1\">\n"
            "      <k:b>t</k:b>\n"
            "      <c xmlns=\"urn:q\"/>\n"
            "      <p:d xmlns:p=\"urn:p\" p:x=\"1\"/>\n"
            "    </k:app>\n"
            "  </metadata>\n");
  EXPECT_EQ(get_metadata_element(definition, "urn:n"),
            "<app a=\"1\">\n  <b>t</b>\n  <c xmlns=\"urn:q\"/>\n  <p:d xmlns:p=\"urn:p\" p:x=\"1\"/>\n</app>");
}

TEST(Metadata, SetReplacesAndRemoves) {
  DomainDefinition definition = with_metadata("<a xmlns='urn:1'/><b xmlns='urn:2'/>");
  set_metadata_element(definition, "urn:1", "k", "<other/>");
  EXPECT_EQ(get_metadata_element(definition, "urn:1"), "<other/>");
  EXPECT_EQ(get_metadata_element(definition, "urn:2"), "<b/>");
  set_metadata_element(definition, "urn:1", "k", std::nullopt);
  set_metadata_element(definition, "urn:2", "k", "");
  EXPECT_EQ(get_metadata_element(definition, "urn:1"), std::nullopt);
  EXPECT_EQ(metadata_block(definition), "");
  set_metadata_element(definition, "urn:absent", "k", std::nullopt);
}

TEST(Metadata, ElementWithItsNamespaceAlready) {
  DomainDefinition definition = define(document({}));
  set_metadata_element(definition, "urn:a", "k", "<z:x xmlns:z='urn:a'><z:u/></z:x>");
  EXPECT_EQ(get_metadata_element(definition, "urn:a"), "<x>\n  <u/>\n</x>");
}

TEST(Metadata, WhatIsRefused) {
  DomainDefinition definition = define(document({}));
  const auto set = [&](const std::string& uri, const std::string& key, const std::string& xml) {
    return code_of([&] { set_metadata_element(definition, uri, key, xml); });
  };
  EXPECT_EQ(set("urn:a", "k", "<x"), Code::XmlDetail);
  EXPECT_EQ(set("urn:a", "k", "<x><y></x>"), Code::XmlDetail);
  EXPECT_EQ(set("urn:a", "k", "text"), Code::XmlDetail);
  EXPECT_EQ(set("urn:a", "1 x", "<x/>"), Code::InvalidArg);
  EXPECT_EQ(set("urn:a", "", "<x/>"), Code::InvalidArg);
  EXPECT_EQ(set("", "k", "<x/>"), Code::InvalidArg);
  EXPECT_EQ(set("urn:a", "k", "<x xmlns='urn:other'/>"), Code::InvalidArg);
  EXPECT_EQ(set("urn:a", "k", "<x>" + std::string(kMaxMetadataBytes, 'a') + "</x>"), Code::InvalidArg);
  EXPECT_EQ(metadata_block(definition), "");
}

TEST(Metadata, TitleAndDescription) {
  DomainDefinition definition = define(document({.top = "<title>t</title><description>d</description>"}));
  set_title(definition, "new <title>");
  set_description(definition, "two\nlines");
  EXPECT_EQ(define(format_domain(definition, View::Inactive)).title, "new <title>");
  EXPECT_EQ(define(format_domain(definition, View::Inactive)).description, "two\nlines");
  EXPECT_EQ(code_of([&] { set_title(definition, "a\nb"); }), Code::InvalidArg);
  EXPECT_EQ(code_of([&] { set_title(definition, std::string("a\x01")); }), Code::XmlError);
  EXPECT_EQ(code_of([&] { set_description(definition, "\xff\xfe"); }), Code::XmlError);
  set_title(definition, std::nullopt);
  set_description(definition, "");
  EXPECT_TRUE(definition.title.empty() && definition.description.empty());
}

}  // namespace
}  // namespace domain_xml
