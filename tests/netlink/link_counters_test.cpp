#include "netlink/link_counters.hpp"

#include <gmock/gmock.h>

namespace netlink {
namespace {

const char* const kHeadings =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier "
    "compressed\n";

TEST(LinkCounters, EveryLinkByName) {
  const auto links = parse_link_counters(std::string(kHeadings) +
                                         "    lo:    1320      16    0    0    0     0          0         0     1320  "
                                         "    16    0    0    0     0       0          0\n"
                                         "vnet12:18446744073709551615 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
  EXPECT_THAT(links, testing::ElementsAre(
                         testing::Pair("lo", LinkCounters{1320, 16, 0, 0, 1320, 16, 0, 0}),
                         testing::Pair("vnet12", LinkCounters{18446744073709551615U, 2, 3, 4, 9, 10, 11, 12})));
}

TEST(LinkCounters, LinesThatAreNoLinkAreLeftOut) {
  EXPECT_TRUE(parse_link_counters("").empty());
  EXPECT_TRUE(parse_link_counters(kHeadings).empty());
  EXPECT_TRUE(parse_link_counters("eth0: 1 2 3\n").empty());
  EXPECT_TRUE(parse_link_counters("eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 x\n").empty());
  EXPECT_TRUE(parse_link_counters("eth0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n").empty());
}

}  // namespace
}  // namespace netlink
