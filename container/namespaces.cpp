#include "container/namespaces.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cstring>

#include "container/channel.hpp"
#include "container/failure.hpp"
#include "container/small_text.hpp"
#include "container/system_calls.hpp"

namespace container {
namespace {

void set_loopback_up(int socket) {
  ifreq request = {};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(socket, SIOCSIFFLAGS, &request) != 0) give_up("set link up", "lo");
}

void write_map(pid_t child, const char* file, const char* text) {
  SmallText<64> path;
  path << "/proc/" << child << "/" << file;
  if (!write_file(path.c_str(), text)) give_up("write id map", text);
}

}  // namespace

std::uint64_t start_boot_clock(const PlanView& plan) {
  constexpr long long kSecond = 1'000'000'000;
  timespec now = {};
  clock_gettime(CLOCK_BOOTTIME, &now);
  if ((plan.namespaces & CLONE_NEWTIME) != 0) {
    if (unshare(CLONE_NEWTIME) != 0) give_up("make time namespace", plan.name);
    SmallText<64> offset;  // the nanoseconds count upwards: less one of them, this is minus now
    offset << "boottime " << -static_cast<long long>(now.tv_sec) - 1 << " " << kSecond - 1 - now.tv_nsec;
    if (!write_file("/proc/self/timens_offsets", offset.c_str())) give_up("set boot clock", plan.name);
  }
  return static_cast<std::uint64_t>(now.tv_sec * kSecond + now.tv_nsec);
}

void map_ids(const PlanView& plan, pid_t child) {
  write_map(child, "uid_map", plan.uid_map);
  write_map(child, "gid_map", plan.gid_map);
}

int open_user_namespace(pid_t child) {
  SmallText<64> path;
  path << "/proc/" << child << "/ns/user";
  const int user_namespace = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (user_namespace < 0) give_up("open user namespace", path.c_str());
  return user_namespace;
}

bool open_network(const PlanView& plan, int (&fds)[2]) {
  if (!plan.wait_for_network && !plan.loopback_up) return false;
  const int socket = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (socket < 0) give_up("open netlink socket", plan.name);
  if (plan.loopback_up) set_loopback_up(socket);  // first: the daemon's work will hold the RTNL lock
  if (!plan.wait_for_network) {
    close(socket);
    return false;
  }
  const int network = ioctl(socket, SIOCGSKNS);  // the namespace the socket was made in
  if (network < 0) give_up("open network namespace", plan.name);
  fds[0] = socket;
  fds[1] = network;
  return true;
}

void join_cgroups(const int* attach_files, int count, const char* who) {
  for (int i = 0; i < count; i++) {
    if (!write_text(attach_files[i], "0")) give_up("enter cgroup", who);
  }
}

void enter_cgroup(const PlanView& plan, const int* attach_files, int count) {
  join_cgroups(attach_files, count, plan.name);
  if ((plan.namespaces & CLONE_NEWCGROUP) != 0 && unshare(CLONE_NEWCGROUP) != 0)
    give_up("unshare cgroup namespace", plan.name);
}

void become_mapped_root() {
  if (setgroups(0, nullptr) != 0) give_up("become root", "groups");
  if (setresgid(0, 0, 0) != 0) give_up("become root", "gid 0");
  if (setresuid(0, 0, 0) != 0) give_up("become root", "uid 0");
}

}  // namespace container
