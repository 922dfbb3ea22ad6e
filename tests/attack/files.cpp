#include "attack/files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <sstream>

namespace attack {

File::~File() {
  if (fd_ >= 0) close(fd_);
}

std::string read_some(const std::string& path, std::size_t limit) {
  const File file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  std::string text;
  char buffer[4096];
  while (file && text.size() < limit) {
    const ssize_t got = read(file.get(), buffer, sizeof buffer);
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  DIR* const open_directory = opendir(directory.c_str());
  if (!open_directory) return names;
  while (const dirent* entry = readdir(open_directory)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  closedir(open_directory);
  return names;
}

Outcome open_for_writing(const std::string& path) {
  if (access(path.c_str(), F_OK) != 0) return errno == ENOENT ? not_there("no " + path) : refused_errno();
  struct stat info {};
  const File file(open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file) return refused_errno();
  if (fstat(file.get(), &info) == 0 && S_ISCHR(info.st_mode)) return refused("masked");
  return let_through("opened " + path);
}

Outcome write_back(const std::string& path) {
  const Outcome opened = open_for_writing(path);
  if (opened.kind != Outcome::Kind::LetThrough) return opened;
  const std::string value = read_some(path);
  const File file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (write(file.get(), value.data(), value.size()) >= 0) return let_through("wrote " + path);
  return errno == EPERM || errno == EACCES ? refused_errno() : opened;
}

std::vector<Mount> mounts() {
  std::vector<Mount> found;
  for (const auto& line : lines_of(read_some("/proc/self/mountinfo", 1 << 20))) {
    std::istringstream words(line);
    Mount mount;
    std::string skipped, word;
    words >> skipped >> skipped >> skipped >> skipped >> mount.target >> skipped;
    while (words >> word && word != "-") {
    }
    words >> mount.type >> skipped >> mount.super_options;
    found.push_back(mount);
  }
  return found;
}

void leave_mounts_behind() {
  if (unshare(CLONE_NEWNS) == 0) mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
}

std::string new_directory(const std::string& name) {
  const std::string path = "/tmp/" + name + "." + std::to_string(getpid());
  mkdir("/tmp", 0777);
  mkdir(path.c_str(), 0755);
  return path;
}

Outcome in_child(const std::function<Outcome()>& call) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return not_there("no pipe");
  const pid_t child = fork();
  if (child == 0) {
    const Outcome outcome = call();
    const std::string text = std::to_string(static_cast<int>(outcome.kind)) + outcome.detail;
    _exit(write(ends[1], text.data(), text.size()) < 0);
  }
  close(ends[1]);
  char text[512] = "";
  const ssize_t got = child < 0 ? 0 : read(ends[0], text, sizeof text - 1);
  close(ends[0]);
  int status = 0;
  if (child > 0) waitpid(child, &status, 0);
  if (got <= 0) return refused(child < 0 ? "no process" : "killed, status " + std::to_string(status));
  return {static_cast<Outcome::Kind>(text[0] - '0'), std::string(text + 1, static_cast<std::size_t>(got) - 1)};
}

Outcome in_nested_user_namespace(int more_namespaces, const std::function<Outcome()>& call) {
  if (unshare(CLONE_NEWUSER | more_namespaces) != 0) return refused_errno();
  for (const auto& [file, text] : {std::pair("/proc/self/setgroups", "deny"), std::pair("/proc/self/uid_map", "0 0 1"),
                                   std::pair("/proc/self/gid_map", "0 0 1")}) {
    const File map(open(file, O_WRONLY | O_CLOEXEC));
    if (map && write(map.get(), text, strlen(text)) < 0 && errno != EPERM) return refused_errno();
  }
  return in_child(call);  // born in the new pid namespace, if one was asked for
}

bool in_hosts_user_namespace() {
  constexpr ino_t kInitial = 0xEFFFFFFD;  // fixed since Linux 3.8
  struct stat info {};
  return stat("/proc/self/ns/user", &info) == 0 && info.st_ino == kInitial;
}

}  // namespace attack
