#include "support/pci_stand_in.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "support/scratch.hpp"

namespace support {

PciStandIn::PciStandIn(const std::string& link) : folder_(make_folder("pci")) {
  const std::string device = folder_ + "/" + kAddress, physical = "0000:7f:1f.0";
  std::filesystem::create_directories(device + "/net/" + link);
  std::filesystem::create_directories(folder_ + "/" + physical);
  std::filesystem::create_directory_symlink("../" + physical, device + "/physfn");
  for (const char* file : {"vendor", "device", "class"}) write_text(device + "/" + file, "0x0200\n");
  write_text(device + "/config", std::string(256, '\0'));
  int ready[2];
  if (::pipe(ready) != 0 || (process_ = ::fork()) < 0) throw std::runtime_error("cannot make a process");
  if (process_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const bool made = ::unshare(CLONE_NEWNS) == 0 && ::mount("", "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0 &&
                      ::mount(folder_.c_str(), "/sys/bus/pci/devices", nullptr, MS_BIND, nullptr) == 0;
    if (made && ::write(ready[1], "", 1) == 1) ::pause();
    ::_exit(1);
  }
  ::close(ready[1]);
  char byte;
  there_ = ::read(ready[0], &byte, 1) == 1;
  ::close(ready[0]);
}

PciStandIn::~PciStandIn() {
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

}  // namespace support
