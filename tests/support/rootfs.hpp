// A root filesystem of busybox: /bin/busybox with its applets as links, the folders an image has, accounts, and
// /sbin/init as a script of the test's choice.
#pragma once

#include <string>

#include "support/deadline.hpp"

namespace support {

/// Scripts for /sbin/init. Each writes /ready once it has taken hold; signals sent earlier would be lost.
namespace init {
/// Ends with code 0 on SIGTERM; otherwise stays.
extern const char* const kObedient;
/// PID 1 without a handler: the kernel drops SIGTERM.
extern const char* const kDeaf;
/// Ends with the code in the environment variable CODE when it is sent SIGTERM, 0 if unset.
extern const char* const kExitOnTerm;
/// Prints "hello from init" and then returns every line it reads with "echo: " before it.
extern const char* const kEcho;
/// reboot(2) RESTART or POWER_OFF as soon as the file /go appears.
extern const char* const kRebootOnGo;
extern const char* const kPowerOffOnGo;
/// Ends with the code in file /go as soon as it appears.
extern const char* const kExitOnGo;
/// Writes the letter of each signal it gets to /signals ("TERM\n").
extern const char* const kRecordSignals;
/// Has a FIFO /dev/initctl and writes what arrives there to /initctl-request.
extern const char* const kInitctl;
}  // namespace init

class Rootfs {
 public:
  explicit Rootfs(const std::string& init_script = init::kObedient);
  Rootfs(const Rootfs&) = delete;
  Rootfs& operator=(const Rootfs&) = delete;
  ~Rootfs();

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  /// An executable shell script at `name`; "#!/bin/sh" is put before it.
  void script(const std::string& name, const std::string& text);
  void set_init(const std::string& text) { script("sbin/init", text); }
  void write(const std::string& name, const std::string& text);
  std::string read(const std::string& name) const;
  void remove(const std::string& name);
  bool has(const std::string& name) const;
  /// Waits until a file of that name is there.
  bool wait_for(const std::string& name, Milliseconds limit = patience()) const;
  /// Waits until `name` holds `text`.
  bool wait_for_text(const std::string& name, const std::string& text, Milliseconds limit = patience()) const;
  /// Waits for /ready, and takes it away so that the next start can be waited for too.
  bool wait_ready();

  /// Files and folders with owner `id` for a container whose root is that host id.
  void give_to(unsigned id);

 private:
  std::string path_;
};

}  // namespace support
