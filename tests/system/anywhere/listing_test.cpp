// virConnectListAllDomains with all its filters, and the older list calls.
#include <algorithm>
#include <set>
#include <vector>

#include "support/fixture.hpp"

namespace {

using namespace support;

/// Words of the own domains that a list with these flags contains.
std::set<std::string> listed(virConnectPtr connection, unsigned flags) {
  std::set<std::string> words;
  virDomainPtr* domains = nullptr;
  const int count = virConnectListAllDomains(connection, &domains, flags);
  EXPECT_GE(count, 0) << describe(last_failure());
  for (int i = 0; i < count; ++i) {
    const Domain domain(domains[i]);
    const std::string name = virDomainGetName(domain);
    if (name.starts_with(prefix() + "-")) words.insert(name.substr(prefix().size() + 1));
  }
  free(domains);
  return words;
}

using Names = std::set<std::string>;

class ListingTest : public SystemTest {
 protected:
  ListingTest() {
    off_ = define(xml("off"));
    automatic_ = define(xml("automatic"));
    virDomainSetAutostart(automatic_, 1);
    running_ = define_and_start(xml("running", root_));
    paused_ = define_and_start(xml("paused", root_));
    virDomainSuspend(paused_);
    transient_ = create(xml("transient", root_));
  }

  Rootfs root_;
  Domain off_, automatic_, running_, paused_, transient_;
};

TEST_F(ListingTest, Filters) {
  EXPECT_EQ(listed(connection_, 0), (Names{"off", "automatic", "running", "paused", "transient"}));
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_ACTIVE), (Names{"running", "paused", "transient"}));
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_INACTIVE), (Names{"off", "automatic"}));
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_INACTIVE).size(), 5U);
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_PERSISTENT), (Names{"off", "automatic", "running", "paused"}));
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_TRANSIENT), (Names{"transient"}));
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_RUNNING), (Names{"running", "transient"}));
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_PAUSED), (Names{"paused"}));
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_SHUTOFF), (Names{"off", "automatic"}));
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_OTHER), Names{});
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_RUNNING | VIR_CONNECT_LIST_DOMAINS_PAUSED),
            (Names{"running", "paused", "transient"}));
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_AUTOSTART), (Names{"automatic"}));
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART),
            (Names{"off", "running", "paused", "transient"}));
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE), Names{});
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE).size(), 5U);
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT), Names{});
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT).size(), 5U);
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT), Names{});
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT).size(), 5U);
}

TEST_F(ListingTest, GroupsOfFiltersAreCombined) {
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_PERSISTENT),
            (Names{"running", "paused"}));
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_INACTIVE | VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART),
            (Names{"off"}));
  EXPECT_EQ(listed(connection_, VIR_CONNECT_LIST_DOMAINS_TRANSIENT | VIR_CONNECT_LIST_DOMAINS_PAUSED), Names{});
}

TEST_F(ListingTest, CountWithoutAList) {
  EXPECT_EQ(virConnectListAllDomains(connection_, nullptr, 0),
            virConnectNumOfDomains(connection_) + virConnectNumOfDefinedDomains(connection_));
}

TEST_F(ListingTest, UnknownFilterIsRefused) {
  EXPECT_TRUE(fails_with(VIR_ERR_INVALID_ARG, virConnectListAllDomains(connection_, nullptr, 1U << 28)));
}

TEST_F(ListingTest, OlderCalls) {
  const int active = virConnectNumOfDomains(connection_);
  ASSERT_GE(active, 3);
  std::vector<int> ids(static_cast<std::size_t>(active) + 5);
  ASSERT_EQ(virConnectListDomains(connection_, ids.data(), static_cast<int>(ids.size())), active);
  for (const auto* domain : {&running_, &paused_, &transient_}) {
    EXPECT_EQ(std::count(ids.begin(), ids.begin() + active, id_of(*domain)), 1);
  }
  const int defined = virConnectNumOfDefinedDomains(connection_);
  ASSERT_GE(defined, 2);
  std::vector<char*> names(static_cast<std::size_t>(defined) + 5);
  ASSERT_EQ(virConnectListDefinedDomains(connection_, names.data(), static_cast<int>(names.size())), defined);
  Names own;
  for (int i = 0; i < defined; ++i) own.insert(take(names[static_cast<std::size_t>(i)]));
  EXPECT_TRUE(own.contains(own_name("off")));
  EXPECT_TRUE(own.contains(own_name("automatic")));
  EXPECT_FALSE(own.contains(own_name("running")));
  // A short array takes what fits.
  EXPECT_EQ(virConnectListDomains(connection_, ids.data(), 1), 1);
  EXPECT_EQ(virConnectListDefinedDomains(connection_, names.data(), 1), 1);
  take(names[0]);
}

TEST_F(ListingTest, HandlesInTheListCarryIds) {
  virDomainPtr* domains = nullptr;
  const int count = virConnectListAllDomains(connection_, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
  for (int i = 0; i < count; ++i) {
    const Domain domain(domains[i]);
    EXPECT_GT(static_cast<int>(virDomainGetID(domain)), 0);
    EXPECT_EQ(virDomainIsActive(domain), 1);
  }
  free(domains);
}

}  // namespace
