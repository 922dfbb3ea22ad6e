#include "rpc/client_log.hpp"

#include <gtest/gtest.h>

namespace rpc {
namespace {

using namespace std::chrono_literals;

constexpr LineAccounts::Time kBegin{};

unsigned admitted(LineAccounts& accounts, pid_t process, unsigned asked, LineAccounts::Time now = kBegin) {
  unsigned count = 0;
  for (unsigned i = 0; i < asked; ++i) count += accounts.admit(process, now) ? 1 : 0;
  return count;
}

TEST(LineAccountsTest, EachProcessHasItsOwnAndWhatIsMoreIsCounted) {
  LineAccounts accounts;
  EXPECT_EQ(admitted(accounts, 7, 1000), LineAccounts::kLines);
  EXPECT_EQ(admitted(accounts, 8, 5), 5U) << "another's flood is not its fault";
  EXPECT_TRUE(accounts.settle(kBegin + LineAccounts::kWhile - 1ms).empty());
  EXPECT_EQ(accounts.settle(kBegin + LineAccounts::kWhile),
            (std::vector<LineAccounts::LeftOut>{{7, 1000 - LineAccounts::kLines}}));
  EXPECT_TRUE(accounts.empty());
  EXPECT_EQ(admitted(accounts, 7, 1000, kBegin + LineAccounts::kWhile), LineAccounts::kLines);
}

TEST(LineAccountsTest, MoreProcessesThanAreKeptShareOne) {
  LineAccounts accounts;
  unsigned lines = 0;
  for (pid_t process = 1; process < 100'000; ++process) lines += admitted(accounts, process, 1);
  EXPECT_LE(lines, LineAccounts::kMostProcesses + LineAccounts::kLines);
  const auto left_out = accounts.settle(kBegin + LineAccounts::kWhile);
  ASSERT_EQ(left_out.size(), 1U);
  EXPECT_EQ(left_out[0].process, 0);
  EXPECT_EQ(left_out[0].lines + lines, 99'999U);
}

}  // namespace
}  // namespace rpc
