// The C library functions the supervisor calls, over raw system calls, instead of a static glibc. Measured: the
// start-up code of glibc (CPUID, IRELATIVE relocations, tunables) takes 0.35 ms of every start, and 640 KiB of it are
// part of the supervisor's PSS, which is 64 KiB without it. Only what the supervisor uses, only as far as it does; no
// headers that declare the same functions, whose exception specifications differ between C libraries.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-loop-distribute-patterns")  // or the loop in memset becomes a call of memset
#endif
#include <asm/unistd.h>
#include <stdarg.h>
#include <stddef.h>

namespace {

constexpr int kAtFdcwd = -100;
int error_number;

long raw(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
#if defined(__x86_64__)
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#else
#error "container/CMakeLists.txt links the C library on other processors"
#endif
}

/// -1 and errno for the kernel's -errno.
long checked(long result) {
  if (result >= 0 || result < -4095) return result;
  error_number = static_cast<int>(-result);
  return -1;
}

template <typename T>
long word(T value) {
  if constexpr (requires { static_cast<long>(value); }) {
    return static_cast<long>(value);
  } else {
    return reinterpret_cast<long>(value);
  }
}

template <typename... Args>
long call(long number, Args... args) {
  return checked(raw(number, word(args)...));
}

template <typename... Args>
int call_int(long number, Args... args) {
  return static_cast<int>(call(number, args...));
}

struct ResourceUsage;
struct Time;

}  // namespace

extern "C" {

int main(int argument_count, char** arguments);
extern void (*__init_array_start[])();
extern void (*__init_array_end[])();

int* __errno_location() {
  return &error_number;
}
[[noreturn]] void _exit(int status) {
  for (;;) raw(__NR_exit_group, status);
}

/// `stack`: what the kernel leaves there, the number of arguments and then they.
[[noreturn, gnu::used]] void start_main(long* stack) {
  for (auto initializer = __init_array_start; initializer != __init_array_end; initializer++) (*initializer)();
  _exit(main(static_cast<int>(stack[0]), reinterpret_cast<char**>(stack + 1)));
}

// The kernel enters with an aligned stack and no return address; a call from here gives main the alignment the ABI
// promises.
#if defined(__x86_64__)
__asm__(".globl _start\n.type _start,@function\n_start:\n xor %ebp,%ebp\n mov %rsp,%rdi\n call start_main\n hlt\n");
#else
__asm__(
    ".globl _start\n.type _start,%function\n_start:\n mov x29,#0\n mov x30,#0\n mov x0,sp\n bl start_main\n brk #1\n");
#endif

// string.h
void* memcpy(void* __restrict to, const void* __restrict from, size_t size) {
#if defined(__x86_64__)
  void* at = to;
  __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(size) : : "memory");
#else
  for (size_t i = 0; i < size; i++) static_cast<char*>(to)[i] = static_cast<const char*>(from)[i];
#endif
  return to;
}
void* memmove(void* to, const void* from, size_t size) {
  char* target = static_cast<char*>(to);
  const char* source = static_cast<const char*>(from);
  if (target <= source || target >= source + size) return memcpy(to, from, size);
  while (size-- > 0) target[size] = source[size];
  return to;
}
void* memset(void* to, int value, size_t size) {
  char* at = static_cast<char*>(to);
  while (size-- > 0) *at++ = static_cast<char>(value);
  return to;
}
int memcmp(const void* a, const void* b, size_t size) {
  const auto* left = static_cast<const unsigned char*>(a);
  const auto* right = static_cast<const unsigned char*>(b);
  for (size_t i = 0; i < size; i++) {
    if (left[i] != right[i]) return left[i] - right[i];
  }
  return 0;
}
/// What clang makes of a memcmp() that is only compared with 0.
int bcmp(const void* a, const void* b, size_t size) {
  return memcmp(a, b, size);
}
void* memchr(const void* where, int wanted, size_t size) {
  const char* at = static_cast<const char*>(where);
  for (; size > 0; size--, at++) {
    if (*at == static_cast<char>(wanted)) return const_cast<char*>(at);
  }
  return nullptr;
}
size_t strlen(const char* text) {
  size_t size = 0;
  while (text[size] != 0) size++;
  return size;
}
int strcmp(const char* a, const char* b) {
  while (*a != 0 && *a == *b) a++, b++;
  return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
}
char* strchr(const char* text, int wanted) {
  for (;; text++) {
    if (*text == static_cast<char>(wanted)) return const_cast<char*>(text);
    if (*text == 0) return nullptr;
  }
}
char* strrchr(const char* text, int wanted) {
  const char* found = nullptr;
  for (; *text != 0; text++) {
    if (*text == static_cast<char>(wanted)) found = text;
  }
  return const_cast<char*>(found);
}
size_t strcspn(const char* text, const char* stop) {
  size_t size = 0;
  while (text[size] != 0 && strchr(stop, text[size]) == nullptr) size++;
  return size;
}
size_t strspn(const char* text, const char* accepted) {
  size_t size = 0;
  while (text[size] != 0 && strchr(accepted, text[size]) != nullptr) size++;
  return size;
}
char* strcpy(char* to, const char* from) {
  memcpy(to, from, strlen(from) + 1);
  return to;
}
char* strncpy(char* to, const char* from, size_t size) {
  size_t i = 0;
  for (; i < size && from[i] != 0; i++) to[i] = from[i];
  for (; i < size; i++) to[i] = 0;
  return to;
}

long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long args[6];
  for (long& arg : args) arg = va_arg(list, long);
  va_end(list);
  return checked(raw(number, args[0], args[1], args[2], args[3], args[4], args[5]));
}

// fcntl.h, unistd.h
int openat(int directory, const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const unsigned mode = va_arg(list, unsigned);
  va_end(list);
  return call_int(__NR_openat, directory, path, flags, mode);
}
int open(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const unsigned mode = va_arg(list, unsigned);
  va_end(list);
  return call_int(__NR_openat, kAtFdcwd, path, flags, mode);
}
int fcntl(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  const long arg = va_arg(list, long);
  va_end(list);
  return call_int(__NR_fcntl, fd, command, arg);
}
int ioctl(int fd, unsigned long request, ...) {
  va_list list;
  va_start(list, request);
  const long arg = va_arg(list, long);
  va_end(list);
  return call_int(__NR_ioctl, fd, request, arg);
}
long read(int fd, void* to, size_t size) {
  return call(__NR_read, fd, to, size);
}
long write(int fd, const void* from, size_t size) {
  return call(__NR_write, fd, from, size);
}
long lseek(int fd, long offset, int whence) {
  return call(__NR_lseek, fd, offset, whence);
}
int close(int fd) {
  return call_int(__NR_close, fd);
}
int close_range(unsigned first, unsigned last, int flags) {
  return call_int(__NR_close_range, first, last, flags);
}
int dup2(int from, int to) {
  if (from == to) return fcntl(from, 1 /* F_GETFD */) < 0 ? -1 : to;  // dup3 refuses it
  return call_int(__NR_dup3, from, to, 0);
}
int chdir(const char* path) {
  return call_int(__NR_chdir, path);
}
int fchdir(int fd) {
  return call_int(__NR_fchdir, fd);
}
int fchown(int fd, unsigned uid, unsigned gid) {
  return call_int(__NR_fchown, fd, uid, gid);
}
int fchownat(int directory, const char* path, unsigned uid, unsigned gid, int flags) {
  return call_int(__NR_fchownat, directory, path, uid, gid, flags);
}
int symlinkat(const char* target, int directory, const char* path) {
  return call_int(__NR_symlinkat, target, directory, path);
}
int unlinkat(int directory, const char* path, int flags) {
  return call_int(__NR_unlinkat, directory, path, flags);
}
int mkdirat(int directory, const char* path, unsigned mode) {
  return call_int(__NR_mkdirat, directory, path, mode);
}
int mknodat(int directory, const char* path, unsigned mode, unsigned long device) {
  return call_int(__NR_mknodat, directory, path, mode, device);
}
unsigned umask(unsigned mask) {
  return static_cast<unsigned>(call(__NR_umask, mask));
}
int fstat(int fd, void* info) {
  return call_int(__NR_fstat, fd, info);
}
int fstatat(int directory, const char* path, void* info, int flags) {
  return call_int(__NR_newfstatat, directory, path, info, flags);
}
int statx(int directory, const char* path, int flags, unsigned mask, void* info) {
  return call_int(__NR_statx, directory, path, flags, mask, info);
}

unsigned long gnu_dev_makedev(unsigned major, unsigned minor) {
  const unsigned long high = major, low = minor;
  return (low & 0xff) | (high & 0xfff) << 8 | (low & ~0xffUL) << 12 | (high & ~0xfffUL) << 32;
}

// Processes and identity
int execve(const char* path, char* const* arguments, char* const* environment) {
  return call_int(__NR_execve, path, arguments, environment);
}
int kill(int pid, int number) {
  return call_int(__NR_kill, pid, number);
}
int waitpid(int pid, int* status, int options) {
  return call_int(__NR_wait4, pid, status, options, static_cast<ResourceUsage*>(nullptr));
}
int setsid() {
  return call_int(__NR_setsid);
}
unsigned geteuid() {
  return static_cast<unsigned>(call(__NR_geteuid));
}
int setresuid(unsigned real, unsigned effective, unsigned saved) {
  return call_int(__NR_setresuid, real, effective, saved);
}
int setresgid(unsigned real, unsigned effective, unsigned saved) {
  return call_int(__NR_setresgid, real, effective, saved);
}
int setfsuid(unsigned id) {
  return call_int(__NR_setfsuid, id);
}
int setfsgid(unsigned id) {
  return call_int(__NR_setfsgid, id);
}
int setgroups(size_t count, const unsigned* groups) {
  return call_int(__NR_setgroups, count, groups);
}
int prctl(int option, ...) {
  va_list list;
  va_start(list, option);
  long args[4];
  for (long& arg : args) arg = va_arg(list, long);
  va_end(list);
  return call_int(__NR_prctl, option, args[0], args[1], args[2], args[3]);
}
int personality(unsigned long persona) {
  return call_int(__NR_personality, persona);
}
int unshare(int flags) {
  return call_int(__NR_unshare, flags);
}
int setns(int fd, int type) {
  return call_int(__NR_setns, fd, type);
}
int chroot(const char* path) {
  return call_int(__NR_chroot, path);
}
int sethostname(const char* name, size_t size) {
  return call_int(__NR_sethostname, name, size);
}
int clock_gettime(int clock, Time* now) {
  return call_int(__NR_clock_gettime, clock, now);
}
void* mmap(void* where, size_t size, int protection, int flags, int fd, long offset) {
  return reinterpret_cast<void*>(call(__NR_mmap, where, size, protection, flags, fd, offset));
}

// sys/mount.h
int fsopen(const char* type, unsigned flags) {
  return call_int(__NR_fsopen, type, flags);
}
int fsconfig(int context, unsigned command, const char* key, const void* value, int aux) {
  return call_int(__NR_fsconfig, context, command, key, value, aux);
}
int fsmount(int context, unsigned flags, unsigned attributes) {
  return call_int(__NR_fsmount, context, flags, attributes);
}
int open_tree(int directory, const char* path, unsigned flags) {
  return call_int(__NR_open_tree, directory, path, flags);
}
int move_mount(int from, const char* from_path, int to, const char* to_path, unsigned flags) {
  return call_int(__NR_move_mount, from, from_path, to, to_path, flags);
}
int mount_setattr(int directory, const char* path, unsigned flags, void* change, size_t size) {
  return call_int(__NR_mount_setattr, directory, path, flags, change, size);
}
int umount2(const char* path, int flags) {
  return call_int(__NR_umount2, path, flags);
}

// poll.h, sys/socket.h, sys/epoll.h
int poll(void* files, unsigned long count, int timeout) {
  const long limit[2] = {timeout / 1000, timeout % 1000 * 1000000L};  // struct timespec
  return call_int(__NR_ppoll, files, count, timeout < 0 ? nullptr : limit, nullptr, 0);
}
int socket(int domain, int type, int protocol) {
  return call_int(__NR_socket, domain, type, protocol);
}
int socketpair(int domain, int type, int protocol, int* pair) {
  return call_int(__NR_socketpair, domain, type, protocol, pair);
}
int accept4(int fd, void* address, unsigned* size, int flags) {
  return call_int(__NR_accept4, fd, address, size, flags);
}
int getsockopt(int fd, int level, int option, void* value, unsigned* size) {
  return call_int(__NR_getsockopt, fd, level, option, value, size);
}
long sendmsg(int fd, const void* message, int flags) {
  return call(__NR_sendmsg, fd, message, flags);
}
long recvmsg(int fd, void* message, int flags) {
  return call(__NR_recvmsg, fd, message, flags);
}
long recv(int fd, void* to, size_t size, int flags) {
  return call(__NR_recvfrom, fd, to, size, flags);
}
int epoll_create1(int flags) {
  return call_int(__NR_epoll_create1, flags);
}
int epoll_ctl(int set, int operation, int fd, void* event) {
  return call_int(__NR_epoll_ctl, set, operation, fd, event);
}
int epoll_wait(int set, void* events, int capacity, int timeout) {
  return call_int(__NR_epoll_pwait, set, events, capacity, timeout);
}

}  // extern "C"
