#include "container/security_label.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "container/failure.hpp"
#include "container/system_calls.hpp"

namespace container {

void ask_for_label(const PlanView& plan, int root) {
  if (*plan.security_file == 0) return;
  const int file = open_beneath(root, plan.security_file, O_WRONLY);
  if (file < 0) give_up("set security label", plan.security_file);
  struct statfs info;
  if (syscall(SYS_fstatfs, file, &info) != 0) give_up("set security label", plan.security_file);
  // A filesystem of the definition's, or a link in the image, may hide the kernel's.
  if (info.f_type != PROC_SUPER_MAGIC) give_up("set security label", plan.security_file, EXDEV);
  if (!write_text(file, plan.security_label)) give_up("set security label", plan.security_label);
  close(file);
}

}  // namespace container
