#include "domain-xml/io_tune.hpp"

#include <gtest/gtest.h>

#include "documents.hpp"

namespace domain_xml {
namespace {

std::string with_disk(const std::string& limits) {
  return document({.devices = "<disk type='block'><source dev='/dev/sdb'/><target dev='vda'/>" +
                              (limits.empty() ? "" : "<iotune>" + limits + "</iotune>") + "</disk>"});
}

TEST(IoTune, IsReadAndWrittenInPlace) {
  auto definition = define(with_disk("<write_iops_sec>9</write_iops_sec><read_bytes_sec>0</read_bytes_sec>"));
  Disk& disk = definition.disks.at(0);
  EXPECT_EQ(io_tune(disk), (IoTune{{"write_iops_sec", 9}})) << "0 is no limit";
  set_io_tune(disk, {{"write_bytes_sec", 7}, {"read_bytes_sec", 5}, {"read_iops_sec", 0}});
  EXPECT_EQ(io_tune(disk), (IoTune{{"read_bytes_sec", 5}, {"write_bytes_sec", 7}}));
  EXPECT_EQ(disk, define(with_disk("<read_bytes_sec>5</read_bytes_sec><write_bytes_sec>7</write_bytes_sec>")).disks[0])
      << "as if it had been defined so";
  set_io_tune(disk, {});
  EXPECT_EQ(disk, define(with_disk("")).disks[0]);
}

TEST(IoTune, WhatCannotBeHeldIsNamed) {
  for (const std::string name : {"total_bytes_sec", "total_iops_sec", "read_bytes_sec_max", "size_iops_sec"}) {
    const auto definition = define(with_disk("<" + name + ">4096</" + name + ">"));
    const auto error = error_of([&] { io_tune(definition.disks.at(0)); });
    ASSERT_TRUE(error) << name;
    EXPECT_EQ(error->code(), base::Code::ConfigUnsupported);
    EXPECT_NE(error->message().find("'" + name + "'"), std::string::npos) << error->message();
  }
}

}  // namespace
}  // namespace domain_xml
