// The few kernel calls glibc 2.36 has no function for, and one-line writes. All descriptors are close-on-exec.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace container {

/// openat2(2) with `root` as "/": symlinks and ".." stay beneath it, magic links are refused.
int open_beneath(int root, const char* path, int flags);
/// clone3(2) without CLONE_VM: returns twice, as fork(2) does. `cgroup` is -1 or a v2 directory for CLONE_INTO_CGROUP.
pid_t clone_process(std::uint64_t flags, int cgroup, int& pidfd);
/// Ends a child that clone_process() made of a process with threads: neither the C library nor a sanitizer's runtime,
/// whose locks another thread may have held, is asked.
[[noreturn]] void leave(int status);
/// Opens, writes `text` in one call (control files take a value whole), closes. False with errno set.
bool write_file(const char* path, const char* text);
bool write_text(int fd, const char* text);
/// Every signal back to its default disposition.
void reset_signals();
void set_blocked_signals(std::uint64_t mask);

}  // namespace container
