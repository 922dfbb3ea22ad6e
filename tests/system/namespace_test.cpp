// virDomainLxcOpenNamespace: which descriptors, in which order, and that they lead into the container.
#include <fcntl.h>
#include <libvirt/libvirt-lxc.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "base/fd.hpp"
#include "support/fixture.hpp"

namespace {

using namespace support;

std::vector<base::Fd> open_namespaces(virDomainPtr domain) {
  int* descriptors = nullptr;
  const int count = virDomainLxcOpenNamespace(domain, &descriptors, 0);
  std::vector<base::Fd> owners;
  for (int i = 0; i < count; ++i) owners.emplace_back(descriptors[i]);
  free(descriptors);
  return owners;
}

unsigned long inode(const std::string& path) {
  struct stat status = {};
  return stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

class NamespaceTest : public SystemTest {
 protected:
  NamespaceTest() : domain_(define_and_start(xml("namespace", root_))) { wait_for_init(domain_); }
  Rootfs root_;
  Domain domain_;
};

TEST_F(NamespaceTest, OrderIsUserIpcUtsNetPidMnt) {
  const auto descriptors = open_namespaces(domain_);
  const int expected[] = {CLONE_NEWUSER, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWNS};
  ASSERT_EQ(descriptors.size(), std::size(expected)) << describe(last_failure());
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    EXPECT_EQ(ioctl(descriptors[i].get(), NS_GET_NSTYPE), expected[i]) << "descriptor " << i;
  }
}

TEST_F(NamespaceTest, TheyAreThoseOfInit) {
  const auto descriptors = open_namespaces(domain_);
  const pid_t init = init_pid(domain_);
  const char* const names[] = {"user", "ipc", "uts", "net", "pid", "mnt"};
  ASSERT_EQ(descriptors.size(), std::size(names));
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    struct stat status = {};
    ASSERT_EQ(fstat(descriptors[i].get(), &status), 0);
    EXPECT_EQ(status.st_ino, inode("/proc/" + std::to_string(init) + "/ns/" + names[i])) << names[i];
  }
}

TEST_F(NamespaceTest, EnteringRunsInsideTheContainer) {
  const Output who =
      enter_shell(domain_, "hostname; readlink /proc/self/ns/pid; [ -x /sbin/init ] && cat /proc/1/comm");
  EXPECT_EQ(who.status, 0) << who.text;
  EXPECT_EQ(who.text.substr(0, who.text.find('\n')), own_name("namespace"));
  EXPECT_NE(who.text.find(proc_link(init_pid(domain_), "ns/pid")), std::string::npos) << who.text;
}

TEST_F(NamespaceTest, VirshEntersToo) {
  if (!have_program("virsh")) GTEST_SKIP() << "virsh is not installed (package libvirt-clients)";
  const Output output = run({"virsh", "-c", host().uri(), "lxc-enter-namespace", "--noseclabel", own_name("namespace"),
                             "--", "/bin/hostname"});
  EXPECT_EQ(output.status, 0) << output.text;
  EXPECT_NE(output.text.find(own_name("namespace")), std::string::npos) << output.text;
}

TEST_F(NamespaceTest, DescriptorsOutliveTheContainerHarmlessly) {
  const auto descriptors = open_namespaces(domain_);
  ASSERT_FALSE(descriptors.empty());
  EXPECT_TRUE(ok(virDomainDestroy(domain_)));
  EXPECT_TRUE(fails_with(VIR_ERR_OPERATION_INVALID, [&] {
    int* none = nullptr;
    return virDomainLxcOpenNamespace(domain_, &none, 0);
  }()));
}

}  // namespace
