#include "container/lost_state.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace container {
namespace {

using Place = std::pair<std::string, std::string>;

TEST(SupervisorCgroup, IsFoundOnEitherVersion) {
  EXPECT_EQ(parse_supervisor_cgroup("0::/machine/web.partition/lxc-web-1.libvirt-lxc/supervisor\n"),
            Place("/machine/web.partition", "lxc-web-1.libvirt-lxc"));
  EXPECT_EQ(parse_supervisor_cgroup("10:misc:/\n9:name=systemd:/machine/lxc-web-1.libvirt-lxc\n"
                                    "8:net_cls,net_prio:/\n0::/machine/lxc-web-1.libvirt-lxc/supervisor\n"),
            Place("/machine", "lxc-web-1.libvirt-lxc"));
  EXPECT_EQ(parse_supervisor_cgroup("3:memory:/a:b/lxc-a:b\n"), Place("/a:b", "lxc-a:b"));
}

TEST(SupervisorCgroup, IsNotMadeUp) {
  for (const char* text : {"", "0::/\n", "nonsense", "0:\n"}) EXPECT_THROW(parse_supervisor_cgroup(text), base::Error);
}

}  // namespace
}  // namespace container
