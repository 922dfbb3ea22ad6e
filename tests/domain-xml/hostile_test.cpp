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

TEST(Hostile, ValidationTakesBoundedTime) {
  const auto start = std::chrono::steady_clock::now();
  for (const char* device : {"<serial/>", "<controller type='ide'/>", "<teapot/>"}) {
    (void)error_of([&] { our_schema().validate(document({.devices = repeated(device, 250 * 1024)})); });
    const auto error = error_of([&] { our_schema().validate(document({.devices = repeated(device, 300 * 1024)})); });
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->code(), base::Code::XmlError);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

/// One past the largest, and what does not fit 64 bits: refused, never cut to what fits.
TEST(Hostile, NumbersOutOfRange) {
  const auto refused = [](const Pieces& pieces, const std::string& number) {
    const auto error = error_of([&] { define(document(pieces)); });
    ASSERT_TRUE(error.has_value()) << document(pieces);
    const bool named = error->message().find(number) != std::string::npos ||
                       error->message().find("'target' of element 'idmap/uid'") != std::string::npos;
    EXPECT_TRUE(named) << error->message();
  };
  const auto nic = [](const std::string& xml) {
    return Pieces{.devices = "<interface type='network'><source network='n'/>" + xml + "</interface>"};
  };
  for (const std::string number : {"4294967296", "18446744073709551616", "-1", "1e3", "0x10", "1 2"}) {
    refused({.top = "<vcpu>" + number + "</vcpu>"}, number);
    refused({.top = "<vcpu current='" + number + "'>8</vcpu>"}, number);
    refused({.top = "<idmap><uid start='0' target='" + number + "' count='1'/></idmap>"}, number);
    refused(nic("<mtu size='" + number + "'/>"), number);
    refused(nic("<vlan><tag id='" + number + "'/></vlan>"), number);
    refused(nic("<ip address='10.0.0.1' prefix='" + number + "'/>"), number);
    refused({.devices = "<controller type='ide' index='" + number + "'/>"}, number);
  }
  for (const std::string number : {"18446744073709551616", "-1", "much"}) {
    refused({.memory = "<memory>" + number + "</memory>"}, number);
    refused({.top = "<memtune><hard_limit>" + number + "</hard_limit></memtune>"}, number);
    refused({.top = "<cputune><shares>" + number + "</shares></cputune>"}, number);
    refused({.top = "<cputune><period>" + number + "</period></cputune>"}, number);
    refused({.devices = "<filesystem type='ram'><source usage='" + number + "'/><target dir='/b'/></filesystem>"},
            number);
    refused(nic("<bandwidth><inbound average='" + number + "'/></bandwidth>"), number);
  }
  refused({.top = "<memtune><hard_limit unit='EiB'>8</hard_limit></memtune>"}, "8");
  refused({.top = "<memtune><soft_limit unit='parsec'>8</soft_limit></memtune>"}, "'parsec'");
  refused({.devices = "<filesystem type='ram'><source usage='8' units='EiB'/><target dir='/b'/></filesystem>"}, "8");
}

/// As libvirt: the first counts, except of what would make a different container.
TEST(Hostile, SingletonsGivenTwice) {
  const std::string xml = dump(document({.name = "<name>one</name><name>two</name>",
                                         .memory = "<memory>65536</memory><memory>131072</memory>",
                                         .os = "<type>exe</type><init>/one</init><init>/two</init>",
                                         .top = "<title>one</title><title>two</title><vcpu>1</vcpu><vcpu>2</vcpu>"
                                                "<on_crash>preserve</on_crash><on_crash>restart</on_crash>"}));
  for (const char* first : {"<name>one<", ">65536</memory>", "<init>/one<", "<title>one<", ">1</vcpu>", ">preserve<"})
    EXPECT_NE(xml.find(first), std::string::npos) << first << xml;
  for (const char* second : {"two", "131072", ">2</vcpu>"}) EXPECT_EQ(xml.find(second), std::string::npos) << xml;
  for (const char* twice :
       {"<resource><partition>/a</partition></resource><resource><partition>/b</partition></resource>",
        "<genid/><genid/>", "<numatune/><numatune/>"})
    EXPECT_EQ(code_of(document({.top = twice})), base::Code::XmlError) << twice;
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
