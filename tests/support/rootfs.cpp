#include "support/rootfs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "support/scratch.hpp"

namespace support {

namespace fs = std::filesystem;

namespace init {
const char* const kObedient = R"(trap 'exit 0' TERM
: > /ready
while :; do sleep 100000 & wait $!; done
)";
const char* const kDeaf = R"(: > /ready
exec sleep 100000
)";
const char* const kExitOnTerm = R"(trap 'exit ${CODE:-0}' TERM
: > /ready
while :; do sleep 100000 & wait $!; done
)";
const char* const kEcho = R"(trap 'exit 0' TERM
stty -echo
echo hello from init
: > /ready
while read -r line; do echo "echo: $line"; done
while :; do sleep 100000 & wait $!; done
)";
const char* const kRebootOnGo = R"(echo boot >> /boots
: > /ready
while [ ! -e /go ]; do usleep 5000; done
rm /go
reboot -n -f
sleep 100000
)";
const char* const kPowerOffOnGo = R"(: > /ready
while [ ! -e /go ]; do usleep 5000; done
rm /go
poweroff -n -f
sleep 100000
)";
const char* const kExitOnGo = R"(: > /ready
while [ ! -e /go ]; do usleep 5000; done
code=$(cat /go)
rm /go
exit $code
)";
const char* const kRecordSignals =
    R"(for name in TERM HUP USR1 USR2 INT PWR; do trap "echo $name >> /signals" $name; done
: > /ready
while :; do sleep 100000 & wait $!; done
)";
const char* const kInitctl = R"(mkfifo /dev/initctl
exec 3<>/dev/initctl
: > /ready
head -c 384 <&3 > /initctl-request.new
mv /initctl-request.new /initctl-request
trap 'exit 0' TERM
while :; do sleep 100000 & wait $!; done
)";
}  // namespace init

namespace {

const char* const kApplets[] = {
    "sh",   "sleep",  "usleep", "cat",  "echo", "ls",  "mkdir",    "mknod", "mkfifo",   "rm",     "mv",       "stty",
    "head", "reboot", "ping",   "ip",   "id",   "env", "hostname", "pwd",   "mount",    "umount", "poweroff", "touch",
    "tr",   "kill",   "ps",     "stat", "grep", "sed", "true",     "false", "readlink", "dd",     "chmod",    "chown",
    "find", "tty",    "test",   "ln",   "cp",   "wc",  "tail",     "sort",  "uname",    "od"};

std::string find_busybox() {
  for (const char* path : {"/bin/busybox", "/usr/bin/busybox", "/sbin/busybox"}) {
    if (access(path, X_OK) == 0) return path;
  }
  throw std::runtime_error("the system tests need a static busybox (Debian package busybox-static)");
}

/// One copy of busybox on the file system of the scratch folder; every root filesystem links to it.
const std::string& shared_busybox() {
  static const std::string path = [] {
    const std::string copy = make_folder("busybox") + "/busybox";
    fs::copy_file(find_busybox(), copy);
    chmod(copy.c_str(), 0755);
    return copy;
  }();
  return path;
}

}  // namespace

Rootfs::Rootfs(const std::string& init_script) : path_(make_folder("rootfs")) {
  chmod(path_.c_str(), 0755);
  for (const char* folder : {"bin", "sbin", "dev", "proc", "sys", "etc", "tmp", "root", "mnt", "run", "var"}) {
    fs::create_directory(*this / folder);
  }
  fs::create_hard_link(shared_busybox(), *this / "bin/busybox");
  for (const char* applet : kApplets) fs::create_symlink("busybox", *this / ("bin/" + std::string(applet)));
  write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1001:worker:/tmp:/bin/sh\n");
  write("etc/group", "root:x:0:\ntty:x:5:\nworkers:x:1001:\nextras:x:1002:worker\n");
  set_init(init_script);
}

Rootfs::~Rootfs() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void Rootfs::script(const std::string& name, const std::string& text) {
  write_text(*this / name, "#!/bin/sh\nexport PATH=/bin:/sbin\n" + text, 0755);
}

void Rootfs::write(const std::string& name, const std::string& text) {
  // Readers in the container never see half of it.
  write_text(*this / (name + ".tmp"), text);
  fs::rename(*this / (name + ".tmp"), *this / name);
}

std::string Rootfs::read(const std::string& name) const {
  return read_text(*this / name);
}

void Rootfs::remove(const std::string& name) {
  std::error_code ignored;
  fs::remove_all(*this / name, ignored);
}

bool Rootfs::has(const std::string& name) const {
  return exists(*this / name);
}

bool Rootfs::wait_for(const std::string& name, Milliseconds limit) const {
  return eventually([&] { return has(name); }, limit);
}

bool Rootfs::wait_for_text(const std::string& name, const std::string& text, Milliseconds limit) const {
  return eventually([&] { return read(name).find(text) != std::string::npos; }, limit);
}

bool Rootfs::wait_ready() {
  if (!wait_for("ready")) return false;
  remove("ready");
  return true;
}

void Rootfs::give_to(unsigned id) {
  if (lchown(path_.c_str(), id, id) != 0) throw std::runtime_error("cannot chown " + path_);
  for (const auto& entry : fs::recursive_directory_iterator(path_)) {
    if (entry.path().filename() == "busybox" && !entry.is_symlink()) continue;  // shared, world-executable
    if (lchown(entry.path().c_str(), id, id) != 0) throw std::runtime_error("cannot chown " + entry.path().string());
  }
}

}  // namespace support
