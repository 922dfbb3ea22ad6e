#include "domain-xml/values.hpp"

#include <gtest/gtest.h>

#include "documents.hpp"
#include "domain-xml/cpuset.hpp"
#include "domain-xml/disk_name.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/inet.hpp"
#include "domain-xml/mac.hpp"
#include "domain-xml/writer.hpp"

namespace domain_xml {
namespace {

constexpr std::uint64_t kKi = 1024, kK = 1000;

TEST(Units, EverySpelling) {
  const std::pair<const char*, std::uint64_t> units[] = {{"b", 1},
                                                         {"byte", 1},
                                                         {"bytes", 1},
                                                         {"BYTES", 1},
                                                         {"k", kKi},
                                                         {"K", kKi},
                                                         {"KiB", kKi},
                                                         {"kib", kKi},
                                                         {"KB", kK},
                                                         {"kb", kK},
                                                         {"M", kKi * kKi},
                                                         {"MiB", kKi * kKi},
                                                         {"MB", kK * kK},
                                                         {"G", kKi * kKi * kKi},
                                                         {"GB", kK * kK * kK},
                                                         {"T", kKi * kKi * kKi * kKi},
                                                         {"TB", kK * kK * kK * kK},
                                                         {"PiB", 1ull << 50},
                                                         {"P", 1ull << 50},
                                                         {"E", 1ull << 60},
                                                         {"EiB", 1ull << 60},
                                                         {"EB", 1000000000000000000ull}};
  for (const auto& [unit, bytes] : units) EXPECT_EQ(unit_bytes(unit, 7), bytes) << unit;
  EXPECT_EQ(unit_bytes("", 7), 7u);
}

TEST(Units, UnknownOnes) {
  for (const char* unit : {"x", "KiBs", " KiB", "KiB ", "i", "iB", "kk", "bit", "0"})
    EXPECT_TRUE(error_of([&] { unit_bytes(unit, 1); }).has_value()) << unit;
}

TEST(Units, OverflowFrom63BitsOn) {
  EXPECT_EQ(scaled_bytes(7, "EiB", 1), 7ull << 60);
  for (const auto& [value, unit] : {std::pair{8ull, "EiB"}, {1ull << 63, "b"}, {9007199254740992ull, "KiB"}}) {
    const auto error = error_of([&, v = value, u = unit] { scaled_bytes(v, u, 1); });
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->code(), base::Code::Overflow);
  }
}

std::uint64_t memory_of(const std::string& element) {
  return define(document({.memory = element})).memory_kib;
}

TEST(Units, MemoryIsRoundedUpToKib) {
  EXPECT_EQ(memory_of("<memory unit='b'>1</memory>"), 1u);
  EXPECT_EQ(memory_of("<memory unit='b'>1024</memory>"), 1u);
  EXPECT_EQ(memory_of("<memory unit='b'>1025</memory>"), 2u);
  EXPECT_EQ(memory_of("<memory unit='MB'>300</memory>"), 292969u);
  EXPECT_EQ(memory_of("<memory unit='G'>1</memory>"), 1048576u);
  EXPECT_EQ(memory_of("<memory> +5</memory>"), 5u);
}

TEST(Numbers, DecimalOnly) {
  EXPECT_EQ(parse_unsigned("010"), 10u);
  EXPECT_EQ(parse_unsigned(" \n7"), 7u);
  EXPECT_EQ(parse_unsigned("18446744073709551615"), UINT64_MAX);
  for (const char* text : {"", " ", "-1", "0x10", "1 ", "1.5", "18446744073709551616", "++1", "a"})
    EXPECT_FALSE(parse_unsigned(text).has_value()) << text;
  EXPECT_EQ(parse_signed("-5"), -5);
  EXPECT_FALSE(parse_signed("+-5").has_value());
  EXPECT_EQ(parse_number<unsigned>("4294967295"), 4294967295u);
  EXPECT_FALSE(parse_number<unsigned>("4294967296").has_value());
}

TEST(Cpusets, ShortestSpelling) {
  const std::pair<const char*, const char*> sets[] = {{"0", "0"},         {"3,0-1,^1", "0,3"}, {"1,0,2", "0-2"},
                                                      {" 0 , 1 ", "0-1"}, {"0,", "0"},         {"0-4095", "0-4095"},
                                                      {"5-5", "5"},       {"0-16383", ""}};
  for (const auto& [text, canonical] : sets) EXPECT_EQ(canonical_cpuset(text), canonical) << text;
  EXPECT_EQ(cpuset_members("1-2,7"), (std::vector<unsigned>{1, 2, 7}));
}

TEST(Cpusets, WhatIsNone) {
  for (const char* text : {"", "x", "1-", "-1", "3-1", "0x1", "0,,1", "16384", "99999999999", "^1", "0,^0", "1 2"})
    EXPECT_TRUE(error_of([&] { canonical_cpuset(text); }).has_value()) << text;
}

TEST(Mac, Spellings) {
  EXPECT_EQ(format_mac(*parse_mac("0:1:2:A:bb:C")), "00:01:02:0a:bb:0c");
  EXPECT_EQ(format_mac(*parse_mac("52:54:00:FF:fe:01")), "52:54:00:ff:fe:01");
  for (const char* text : {"", "x", "52:54:00:00:00", "52:54:00:00:00:01:02", "52:54:00:00:00:001", "52-54-00-00-00-01",
                           "525400000001", "52:54:00:00:00:0g", "52:54:00:00:00:", " 52:54:00:00:00:01"})
    EXPECT_FALSE(parse_mac(text).has_value()) << text;
}

TEST(Mac, RandomOnesDifferAndHaveThePrefix) {
  const std::string first = format_mac(random_mac()), second = format_mac(random_mac());
  EXPECT_EQ(first.substr(0, 9), "52:54:00:");
  EXPECT_NE(first, second);
}

TEST(Inet, ReadAndPrinted) {
  const std::pair<const char*, const char*> addresses[] = {
      {"192.0.2.1", "192.0.2.1"}, {"1.2.3", "1.2.0.3"}, {"2001:DB8:0::1", "2001:db8::1"}, {"::", "::"}};
  for (const auto& [text, printed] : addresses) EXPECT_EQ(format_inet(*parse_inet(text)), printed);
  for (const char* text : {"", "x", "1.2.3.4.5", "1.2.3.256", "1.2.3.4 x", ":::", "12345::"})
    EXPECT_FALSE(parse_inet(text).has_value()) << text;
}

TEST(Inet, NetworkOfAnAddress) {
  EXPECT_EQ(format_inet(network_of(*parse_inet("192.0.2.77"), 26)), "192.0.2.64");
  EXPECT_EQ(format_inet(network_of(*parse_inet("192.0.2.77"), 32)), "192.0.2.77");
  EXPECT_EQ(format_inet(network_of(*parse_inet("2001:db8:ffff::1"), 33)), "2001:db8:8000::");
  EXPECT_EQ(format_inet(network_of(*parse_inet("255.255.255.255"), 0)), "0.0.0.0");
}

TEST(DiskNames, BusNumberAndAddress) {
  EXPECT_EQ(disk_index("sda"), 0u);
  EXPECT_EQ(disk_index("vdz"), 25u);
  EXPECT_EQ(disk_index("xvdaa"), 26u);
  EXPECT_EQ(disk_index("sdb3"), 1u);
  for (const char* name : {"sd", "foo", "sd1", "sdA", "sda01", "sdaaaaaa", "", "mmcblk0"})
    EXPECT_FALSE(disk_index(name).has_value()) << name;
  EXPECT_EQ(disk_bus("xvda"), "xen");
  EXPECT_EQ(disk_bus("nbd0"), "ide");
  EXPECT_EQ(drive_address("scsi", 15), (DriveAddress{.controller = 2, .unit = 1}));
  EXPECT_EQ(drive_address("ide", 3), (DriveAddress{.bus = 1, .unit = 1}));
  EXPECT_FALSE(drive_address("virtio", 0).has_value());
}

TEST(XmlText, IsProperUtf8OfCharactersXmlHas) {
  for (const char* text : {"", "plain\n\t", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"})
    EXPECT_TRUE(is_xml_text(text));
  for (const char* text : {"\x01", "\xff", "\xa3\xa3", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf",
                           "\xed\xa0\x80", "\xef\xbf\xbf"})
    EXPECT_FALSE(is_xml_text(text)) << text;
}

}  // namespace
}  // namespace domain_xml
