// Text made to hurt: it is refused, quickly, and other threads parsing at the same time never notice.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "documents.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/node.hpp"
#include "domain-xml/parse.hpp"

namespace domain_xml {
namespace {

base::Code code_of(const std::string& xml) {
  const auto error = error_of([&] { define(xml); });
  return error ? error->code() : base::Code::Ok;
}

TEST(Hostile, EntitiesThatMultiply) {
  std::string bomb = "<!DOCTYPE domain [<!ENTITY a0 'aaaaaaaaaa'>";
  for (int i = 1; i < 20; ++i) {
    bomb += "<!ENTITY a" + std::to_string(i) + " '";
    for (int j = 0; j < 10; ++j) bomb += "&a" + std::to_string(i - 1) + ";";
    bomb += "'>";
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(code_of(bomb + "]><domain type='&a19;'><name>&a19;</name></domain>"), base::Code::XmlDetail);
  EXPECT_EQ(code_of(bomb + "]>" + document({.name = "<name>&a19;</name>"})), base::Code::XmlDetail);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST(Hostile, ParameterAndExternalEntities) {
  for (const char* declaration :
       {"<!ENTITY % p SYSTEM 'file:///etc/passwd'> %p;", "<!ENTITY x SYSTEM 'file:///etc/passwd'>",
        "<!ENTITY x SYSTEM 'http://192.0.2.1/x'>", "<!ENTITY x 'y'>"}) {
    const std::string xml = std::string("<!DOCTYPE domain [") + declaration + "]>" + document({});
    EXPECT_EQ(code_of(xml), base::Code::XmlDetail) << declaration;
  }
}

TEST(Hostile, ExternalSubsetIsNotLoaded) {
  EXPECT_EQ(code_of("<!DOCTYPE domain SYSTEM 'http://192.0.2.1/domain.dtd'>" + document({})), base::Code::Ok);
}

TEST(Hostile, AttributeDefaultsFromADoctypeMeanNothingBad) {
  EXPECT_EQ(code_of("<!DOCTYPE domain [<!ATTLIST domain type CDATA 'kvm'>]>" + document({})), base::Code::Ok);
}

TEST(Hostile, DeepNesting) {
  std::string xml;
  for (int i = 0; i < 100000; ++i) xml += "<a>";
  EXPECT_EQ(code_of(xml), base::Code::XmlDetail);
  std::string deep = "<metadata><x xmlns='urn:x'>";
  for (int i = 0; i < 240; ++i) deep += "<y>";
  for (int i = 0; i < 240; ++i) deep += "</y>";
  EXPECT_EQ(code_of(document({.top = deep + "</x></metadata>"})), base::Code::Ok);
}

TEST(Hostile, SizeIsCapped) {
  const std::string filler(kMaxDocumentBytes, ' ');
  const auto error = error_of([&] { define(document({.top = filler})); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), base::Code::XmlError);
  EXPECT_NE(error->message().find(std::to_string(kMaxDocumentBytes)), std::string::npos) << error->message();
}

TEST(Hostile, LongTextAndManyElementsBelowTheCap) {
  EXPECT_EQ(code_of(document({.name = "<name>" + std::string(1 << 20, 'n') + "</name>"})), base::Code::Ok);
  std::string many;
  for (int i = 0; i < 20000; ++i) many += "<initarg>x</initarg>";
  EXPECT_EQ(code_of(document({.os = "<type>exe</type><init>/i</init>" + many})), base::Code::Ok);
}

std::string repeated(const std::string& text, std::size_t bytes) {
  std::string many;
  many.reserve(bytes + text.size());
  for (std::size_t number = 0; many.size() < bytes; ++number) {
    const auto at = text.find('#');
    many += at == std::string::npos ? text : text.substr(0, at) + std::to_string(number) + text.substr(at + 1);
  }
  return many;
}

TEST(Hostile, A100MiBDocumentIsRefusedUnread) {
  const std::string xml = repeated("<domain>", 100u << 20);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(code_of(xml), base::Code::XmlError);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

/// Every check is linear in what the document has: a list that is compared with itself would take hours here.
TEST(Hostile, ManyOfEverythingTakesBoundedTime) {
  constexpr std::size_t kBytes = 1 << 20;
  const auto within_limit = [](const Pieces& pieces) {
    const auto start = std::chrono::steady_clock::now();
    code_of(document(pieces));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10))
        << pieces.top.substr(0, 80) << pieces.devices.substr(0, 80);
  };
  for (const char* device :
       {"<disk><source file='#'/><target dev='vda#'/></disk>", "<controller type='ide'/>",
        "<hostdev mode='capabilities' type='misc'><source><char>/#</char></source></hostdev>",
        "<smartcard mode='host'/>",
        "<channel><target type='virtio'/><address type='virtio-serial' controller='#'/></channel>",
        "<interface type='ethernet'/>", "<filesystem><source dir='a'/><target dir='/'/></filesystem>", "<serial/>",
        "<video><model type='vga'/></video>"})
    within_limit({.devices = repeated(device, kBytes)});
  within_limit({.top = "<features>" + repeated("<acpi/>", kBytes) + "</features>"});
  within_limit({.top = repeated("<features><kvm/></features>", kBytes)});
  within_limit({.top = "<idmap>" + repeated("<uid start='#' target='#' count='1'/>", kBytes) + "</idmap>"});
  within_limit({.top = "<blkiotune>" + repeated("<device><path>#</path></device>", kBytes) + "</blkiotune>"});
  within_limit({.top = "<cputune>" + repeated("<vcpupin vcpu='#' cpuset='0'/>", kBytes) + "</cputune>"});
  within_limit({.top = "<metadata>" + repeated("<a xmlns='urn:#'/>", kBytes) + "</metadata>"});
  within_limit({.top = repeated("<seclabel type='none' model='m#'/>", kBytes)});
  within_limit({.top = "<sysinfo type='smbios'><bios>" + repeated("<entry name='x'/>", kBytes) + "</bios></sysinfo>"});
  within_limit({.top = "<cpu><model>m</model>" + repeated("<feature name='f#'/>", kBytes) + "</cpu>"});
}

TEST(Hostile, BytesThatAreNoText) {
  using std::string_literals::operator""s;
  EXPECT_EQ(code_of("\0\0\0"s), base::Code::XmlDetail);
  EXPECT_EQ(code_of("<domain>\0</domain>"s), base::Code::XmlDetail);
  EXPECT_EQ(code_of("<domain>\xff\xfe</domain>"), base::Code::XmlDetail);
  EXPECT_EQ(code_of("\xff\xfe<\0d\0/\0>\0"s), base::Code::XmlError) << "UTF-16, well-formed, but no <domain>";
  EXPECT_EQ(code_of("<?xml version='1.0' encoding='x-nonsense'?><domain/>"), base::Code::XmlDetail);
  for (const auto& xml : {"<domain>\xff\xfe</domain>"s, "<a>\x01</a>"s}) {
    const auto error = error_of([&] { define(xml); });
    for (const char c : error->message()) EXPECT_TRUE(static_cast<unsigned char>(c) < 0x80 && (c >= ' ' || c == '\n'));
  }
}

TEST(Hostile, EveryPrefixOfADocumentIsRefused) {
  const std::string xml =
      format_domain(define(document({.devices = "<console/><interface type='ethernet'/>"})), View::Live);
  for (std::size_t length = 0; length + 2 < xml.size(); ++length)
    EXPECT_EQ(code_of(xml.substr(0, length)), base::Code::XmlDetail) << length;
}

TEST(Hostile, ThreadsHaveErrorsOfTheirOwn) {
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (std::size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([t, &wrong] {
      for (int i = 0; i < 200; ++i) {
        const std::string lines(t * 3 + 1, '\n');
        const auto error = error_of([&] { define("<domain>" + lines + "<x></domain>"); });
        const std::string expected = "(domain_definition):" + std::to_string(t * 3 + 2) + ":";
        if (!error || error->message().rfind(expected, 0) != 0) ++wrong[t];
        if (t % 2 == 0 && code_of(document({})) != base::Code::Ok) ++wrong[t];
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace domain_xml
