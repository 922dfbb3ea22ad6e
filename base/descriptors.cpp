#include "base/descriptors.hpp"

#include <fcntl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace base {
namespace {

rlimit limit_now() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit;
}

rlim_t most_the_kernel_allows() {
  rlim_t most = 0;
  try {
    const std::string text = read_file("/proc/sys/fs/nr_open");
    std::from_chars(text.data(), text.data() + text.size(), most);
  } catch (const Error&) {  // no such file: then what we were given
  }
  return most;
}

}  // namespace

const rlimit& inherited_descriptor_limit() {
  static const rlimit inherited = limit_now();
  return inherited;
}

void raise_descriptor_limit() {
  const rlimit& inherited = inherited_descriptor_limit();
  const rlim_t most = std::max(most_the_kernel_allows(), inherited.rlim_max);
  const rlimit all{most, most}, hard{inherited.rlim_max, inherited.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &all) < 0) ::setrlimit(RLIMIT_NOFILE, &hard);
}

void make_room_for_descriptors(int count) {
  const rlim_t most = limit_now().rlim_cur;
  const int last = static_cast<int>(std::min<rlim_t>(static_cast<rlim_t>(count), most)) - 1;
  const Fd any(::epoll_create1(EPOLL_CLOEXEC));
  const Fd highest(::fcntl(any.get(), F_DUPFD_CLOEXEC, last));  // the table does not shrink when it is closed
}

unsigned percent_in_use(int newest) {
  static const rlim_t limit = std::max<rlim_t>(limit_now().rlim_cur, 1);
  return static_cast<unsigned>(std::min<rlim_t>(100 * static_cast<rlim_t>(std::max(newest, 0)) / limit, 100));
}

}  // namespace base
