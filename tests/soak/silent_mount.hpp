// A file system that never answers: what a hung server does to who looks there.
#pragma once

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <string>

#include "base/fd.hpp"
#include "support/scratch.hpp"

namespace soak {

/// A FUSE mount whose server never reads a request. With its owner everybody who waits is let go.
class SilentMount {
 public:
  SilentMount() : folder_(support::make_folder("silent")), server_(::open("/dev/fuse", O_RDWR | O_CLOEXEC)) {
    const std::string options =
        "fd=" + std::to_string(server_.get()) + ",rootmode=40000,user_id=0,group_id=0,allow_other";
    mounted_ = server_ && ::mount("silent", folder_.c_str(), "fuse.silent", 0, options.c_str()) == 0;
  }
  ~SilentMount() {
    server_.reset();  // the kernel aborts what waits
    if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
  }
  SilentMount(const SilentMount&) = delete;
  SilentMount& operator=(const SilentMount&) = delete;
  bool mounted() const { return mounted_; }
  std::string below() const { return folder_ + "/below"; }

 private:
  std::string folder_;
  base::Fd server_;
  bool mounted_ = false;
};

}  // namespace soak
