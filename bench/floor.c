// The kernel's own price of a container: only the system calls that nobody can leave out who starts a program in
// namespaces of its own, on a root of its own, with a veth pair in a bridge, and ends it again. What a container manager
// takes beyond this figure is its own doing.
//   floor ROOT BRIDGE [CYCLES]   prints the medians of start and end in milliseconds
//   floor ROOT BRIDGE serve      does one cycle for each line it reads and prints "START END", for measuring in turns
// ROOT has /bin/sleep, /proc and /dev. Root only.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kMaxCycles = 100000, kMessageBytes = 512 };

struct Child {
  pid_t pid;
  int pidfd;
  int to_child;  // a byte says that the link is there
  int failed;    // errno, or end of file once init has been executed
};

static void must(int holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

// ---------------------------------------------------------------- netlink

struct Message {
  struct nlmsghdr header;
  struct ifinfomsg link;
  char attributes[kMessageBytes];
};

static struct rtattr* put(struct Message* message, unsigned short type, const void* data, size_t bytes) {
  struct rtattr* attribute = (struct rtattr*)((char*)message + NLMSG_ALIGN(message->header.nlmsg_len));
  attribute->rta_type = type;
  attribute->rta_len = (unsigned short)RTA_LENGTH(bytes);
  if (bytes) memcpy(RTA_DATA(attribute), data, bytes);
  message->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(message->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len));
  return attribute;
}

static void end_nest(struct Message* message, struct rtattr* nest) {
  nest->rta_len = (unsigned short)((char*)message + message->header.nlmsg_len - (char*)nest);
}

/// One veth pair by one message: a port of the bridge, up, and eth0 in the namespace of `pid`.
static void make_link(int netlink, unsigned bridge, pid_t pid) {
  static unsigned number = 0;
  char name[IFNAMSIZ];
  snprintf(name, sizeof name, "fl%x.%x", (unsigned)getpid() & 0xffffff, number++ & 0xffff);
  const uint32_t namespace_of = (uint32_t)pid, one_queue = 1;
  struct Message message = {
      .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                 .nlmsg_type = RTM_NEWLINK,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL},
      .link = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP},
  };
  put(&message, IFLA_IFNAME, name, strlen(name) + 1);
  put(&message, IFLA_MASTER, &bridge, sizeof bridge);
  // Without queue counts the kernel makes one per CPU and waits for RCU to take the rest away.
  put(&message, IFLA_NUM_TX_QUEUES, &one_queue, sizeof one_queue);
  put(&message, IFLA_NUM_RX_QUEUES, &one_queue, sizeof one_queue);
  struct rtattr* info = put(&message, IFLA_LINKINFO, NULL, 0);
  put(&message, IFLA_INFO_KIND, "veth", 4);
  struct rtattr* data = put(&message, IFLA_INFO_DATA, NULL, 0);
  struct rtattr* peer = put(&message, VETH_INFO_PEER, &(struct ifinfomsg){.ifi_family = AF_UNSPEC},
                            sizeof(struct ifinfomsg));
  put(&message, IFLA_IFNAME, "eth0", 5);
  put(&message, IFLA_NET_NS_PID, &namespace_of, sizeof namespace_of);
  put(&message, IFLA_NUM_TX_QUEUES, &one_queue, sizeof one_queue);
  put(&message, IFLA_NUM_RX_QUEUES, &one_queue, sizeof one_queue);
  end_nest(&message, peer);
  end_nest(&message, data);
  end_nest(&message, info);
  must(send(netlink, &message, message.header.nlmsg_len, 0) == (ssize_t)message.header.nlmsg_len, "send to netlink");
  union {
    struct nlmsghdr header;
    char bytes[4096];
  } answer;
  must(recv(netlink, &answer, sizeof answer, 0) > 0, "answer of netlink");
  const struct nlmsgerr* error = NLMSG_DATA(&answer.header);
  errno = -error->error;
  must(answer.header.nlmsg_type == NLMSG_ERROR && error->error == 0, "veth pair");
}

static void bring_up(int socket, const char* name) {
  struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  must(ioctl(socket, SIOCSIFFLAGS, &request) == 0, "interface up");
}

// ---------------------------------------------------------------- the container's side

static void make_device(const char* path, unsigned major_number, unsigned minor_number) {
  must(mknod(path, S_IFCHR | 0666, makedev(major_number, minor_number)) == 0, path);
}

/// The root, proc and /dev with what every program expects there.
static void enter_root(const char* root) {
  must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private mounts");
  must(mount(root, root, NULL, MS_BIND, NULL) == 0, "bind of the root");
  must(chdir(root) == 0, "chdir");
  must(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0, "proc");
  must(mount("dev", "dev", "tmpfs", MS_NOSUID, "mode=755") == 0, "dev");
  make_device("dev/null", 1, 3);
  make_device("dev/zero", 1, 5);
  make_device("dev/full", 1, 7);
  make_device("dev/random", 1, 8);
  make_device("dev/urandom", 1, 9);
  make_device("dev/tty", 5, 0);
  must(syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
  must(umount2(".", MNT_DETACH) == 0, "old root");
}

static _Noreturn void become_init(const char* root, int from_parent) {
  enter_root(root);
  must(sethostname("floor", 5) == 0, "host name");
  char byte;
  must(read(from_parent, &byte, 1) == 1, "word from the parent");
  const int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bring_up(socket_fd, "lo");
  bring_up(socket_fd, "eth0");
  must(setsid() > 0, "session");
  char* const words[] = {"/bin/sleep", "100000", NULL};
  char* const environment[] = {"PATH=/bin:/sbin", NULL};
  execve(words[0], words, environment);
  must(0, words[0]);
  _exit(1);
}

// ---------------------------------------------------------------- one cycle

static struct Child start(const char* root, int netlink, unsigned bridge) {
  int go[2], done[2];
  must(pipe2(go, O_CLOEXEC) == 0 && pipe2(done, O_CLOEXEC) == 0, "pipes");
  struct Child child = {.pidfd = -1, .to_child = go[1], .failed = done[0]};
  struct clone_args arguments = {.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                                          CLONE_NEWCGROUP | CLONE_PIDFD,
                                 .pidfd = (uint64_t)(uintptr_t)&child.pidfd,
                                 .exit_signal = SIGCHLD};
  child.pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
  must(child.pid >= 0, "clone3");
  if (child.pid == 0) become_init(root, go[0]);
  close(go[0]);
  close(done[1]);
  make_link(netlink, bridge, child.pid);
  must(write(child.to_child, "", 1) == 1, "word to the child");
  char byte;
  const ssize_t got = read(child.failed, &byte, 1);  // ends when exec closes the other side
  must(got == 0, "exec");
  close(child.to_child);
  close(child.failed);
  return child;
}

static void end(const struct Child* child) {
  must(syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0) == 0, "kill");
  siginfo_t info;
  must(waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED) == 0, "wait");
  must(info.si_code == CLD_KILLED, "init to be running still");
  close(child->pidfd);
}

static void cycle(const char* root, int netlink, unsigned bridge, double* start_ms, double* end_ms) {
  const double began = milliseconds();
  const struct Child child = start(root, netlink, bridge);
  const double running = milliseconds();
  end(&child);
  *start_ms = running - began;
  *end_ms = milliseconds() - running;
}

static int ascending(const void* left, const void* right) {
  const double a = *(const double*)left, b = *(const double*)right;
  return (a > b) - (a < b);
}

static double median(double* values, size_t count) {
  qsort(values, count, sizeof *values, ascending);
  return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

int main(int count, char** words) {
  if (count < 3 || count > 4) {
    fprintf(stderr, "usage: floor ROOT BRIDGE [CYCLES|serve]\n");
    return 2;
  }
  const char* root = words[1];
  const unsigned bridge = if_nametoindex(words[2]);
  must(bridge != 0, words[2]);
  const int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  must(netlink >= 0, "netlink");
  double start_ms, end_ms;
  if (count == 4 && strcmp(words[3], "serve") == 0) {
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
      cycle(root, netlink, bridge, &start_ms, &end_ms);
      printf("%.4f %.4f\n", start_ms, end_ms);
      fflush(stdout);
    }
    return 0;
  }
  const long cycles = count == 4 ? strtol(words[3], NULL, 10) : 200;
  if (cycles < 1 || cycles > kMaxCycles) {
    fprintf(stderr, "floor: CYCLES is a number from 1 to %d\n", kMaxCycles);
    return 2;
  }
  double* starts = calloc((size_t)cycles, sizeof *starts);
  double* ends = calloc((size_t)cycles, sizeof *ends);
  must(starts && ends, "memory");
  cycle(root, netlink, bridge, &start_ms, &end_ms);  // warms up
  for (long i = 0; i < cycles; i++) {
    // The kernel takes the last namespace down beside us, and holds the lock of all links while it does.
    usleep(20000);
    cycle(root, netlink, bridge, &starts[i], &ends[i]);
  }
  printf("%ld cycles: start %.3f ms, end %.3f ms\n", cycles, median(starts, (size_t)cycles),
         median(ends, (size_t)cycles));
  return 0;
}
