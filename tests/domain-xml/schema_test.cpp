#include "domain-xml/schema.hpp"

#include <gtest/gtest.h>

#include "documents.hpp"

namespace domain_xml {
namespace {

std::optional<base::Error> schema_error(const std::string& xml) {
  return error_of([&] { our_schema().validate(xml); });
}

TEST(Schema, AcceptsADocument) {
  const auto error = schema_error(document({.devices = "<console/><interface/>"}));
  EXPECT_FALSE(error.has_value()) << error->message();
}

TEST(Schema, NamesItselfElementAndLine) {
  const auto error = schema_error(
      "<domain type='lxc'>\n<name>a</name>\n<memory>x</memory>\n<os><type>exe</type><init>/i</init></os>\n</domain>");
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), base::Code::XmlInvalidSchema);
  EXPECT_EQ(error->from(), base::From::Xml);
  for (const char* part : {"/schemas/lxcell-domain.rng", "'memory'", "line 3"})
    EXPECT_NE(error->message().find(part), std::string::npos) << error->message();
}

TEST(Schema, NamesTheElementAmongOthersInAnyOrder) {
  for (const auto& [devices, element] : std::initializer_list<std::pair<const char*, const char*>>{
           {"<console/>\n<console polished='yes'/>\n<console/>", "'console' in line 2"},
           {"<console/>\n<interface type='ethernet'>\n<mtu size='1500'/><colour/></interface>", "'colour' in line 3"},
           {"<rng model='virtio'>\n<backend model='random'/></rng><sound\n model='drum'/>", "'sound' in line 3"}}) {
    const auto error = schema_error(document({.devices = devices}));
    ASSERT_TRUE(error.has_value()) << devices;
    EXPECT_NE(error->message().find(element), std::string::npos) << error->message();
  }
  EXPECT_NE(schema_error(document({.top = "<vcpu>2</vcpu>\n<colour/>"}))->message().find("'colour' in line 2"),
            std::string::npos);
}

TEST(Schema, SeveralOddElementsAreRefusedToo) {
  EXPECT_TRUE(schema_error(document({.top = "<colour/><shape/>"})).has_value());
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "<colour/>";
  EXPECT_TRUE(schema_error(document({.top = many})).has_value());
}

TEST(Schema, RefusesWhatParsingIgnores) {
  for (const Pieces& pieces :
       {Pieces{.top = "<colour/>"}, Pieces{.devices = "<teapot/>"}, Pieces{.devices = "<console polished='yes'/>"},
        Pieces{.type = "type='lxc' flavour='x'"}, Pieces{.top = "<vcpu>1</vcpu><vcpu>2</vcpu>"}}) {
    ASSERT_FALSE(error_of([&] { define(document(pieces)); }).has_value());
    EXPECT_TRUE(schema_error(document(pieces)).has_value()) << document(pieces);
  }
}

TEST(Schema, RefusesWhatParsingRefuses) {
  for (const Pieces& pieces :
       {Pieces{.name = ""}, Pieces{.memory = ""}, Pieces{.os = "<type>exe</type>"}, Pieces{.type = "type='kvm'"},
        Pieces{.top = "<resource/>"}, Pieces{.top = "<vcpu>0</vcpu>"}, Pieces{.top = "<features><foo/></features>"},
        Pieces{.devices = "<filesystem type='file'><source dir='/'/><target dir='/'/></filesystem>"},
        Pieces{.devices = "<hostdev mode='capabilities' type='storage'/>"}})
    EXPECT_TRUE(schema_error(document(pieces)).has_value()) << document(pieces);
}

TEST(Schema, MalformedTextIsAnErrorOfItsOwn) {
  EXPECT_EQ(schema_error("<domain>")->code(), base::Code::XmlDetail);
}

TEST(Schema, MissingSchemaIsNamed) {
  const auto error = error_of([] { Schema("/nonexistent.rng"); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), base::Code::SystemError);
  EXPECT_NE(error->message().find("/nonexistent.rng"), std::string::npos);
}

}  // namespace
}  // namespace domain_xml
