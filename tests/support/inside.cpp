#include "support/inside.hpp"

#include <fcntl.h>
#include <libvirt/libvirt-lxc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/fd.hpp"
#include "support/scratch.hpp"

namespace support {

namespace fs = std::filesystem;

pid_t init_pid(virDomainPtr domain) {
  const auto id = static_cast<int>(virDomainGetID(domain));
  if (id <= 0) return -1;
  std::error_code error;
  for (const auto& thread : fs::directory_iterator("/proc/" + std::to_string(id) + "/task", error)) {
    std::istringstream children(read_text(thread.path() / "children"));
    for (pid_t pid = 0; children >> pid;) {
      // Last number of NSpid is the pid in the innermost namespace.
      const std::string pids = status_value(pid, "NSpid");
      if (pids.ends_with("\t1")) return pid;
    }
  }
  return -1;
}

std::string proc_file(pid_t pid, const std::string& name) {
  return read_text("/proc/" + std::to_string(pid) + "/" + name);
}

std::string proc_link(pid_t pid, const std::string& name) {
  std::error_code error;
  return fs::read_symlink("/proc/" + std::to_string(pid) + "/" + name, error);
}

std::string status_value(pid_t pid, const std::string& key) {
  std::istringstream status(proc_file(pid, "status"));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":\t")) return line.substr(key.size() + 2);
  }
  return "";
}

Output enter(virDomainPtr domain, const std::vector<std::string>& command) {
  int* descriptors = nullptr;
  const int count = virDomainLxcOpenNamespace(domain, &descriptors, 0);
  if (count < 0) return {-1, "virDomainLxcOpenNamespace failed"};
  std::vector<base::Fd> owners;
  for (int i = 0; i < count; ++i) owners.emplace_back(descriptors[i]);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {-1, "pipe failed"};
  base::Fd output(ends[0]);
  base::Fd input(ends[1]);
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(input.get(), 1);
    dup2(input.get(), 2);
    // A second fork, because a process never moves into a pid namespace itself; only its children are born there.
    if (virDomainLxcEnterNamespace(domain, static_cast<unsigned>(count), descriptors, nullptr, nullptr, 0) < 0)
      _exit(125);
    const pid_t inner = fork();
    if (inner == 0) {
      static char path[] = "PATH=/bin:/sbin";
      char* environment[] = {path, nullptr};
      execve(arguments[0], arguments.data(), environment);
      _exit(126);
    }
    int status = 0;
    waitpid(inner, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  }
  input.reset();
  free(descriptors);
  Output result;
  result.text = base::read_all(output.get());
  int status = 0;
  waitpid(child, &status, 0);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

Output enter_shell(virDomainPtr domain, const std::string& script) {
  return enter(domain, {"/bin/sh", "-c", script});
}

bool is_frozen(virDomainPtr domain) {
  std::istringstream lines(proc_file(init_pid(domain), "cgroup"));
  for (std::string line; std::getline(lines, line);) {
    const auto second = line.find(':', line.find(':') + 1);
    const std::string path = line.substr(second + 1);
    // Both files tell of the state in force, whichever level asked for it.
    if (line.find(":freezer:") != std::string::npos) {
      return read_text("/sys/fs/cgroup/freezer" + path + "/freezer.state") == "FROZEN\n";
    }
    if (line.starts_with("0::") && exists("/sys/fs/cgroup" + path + "/cgroup.events")) {
      return read_text("/sys/fs/cgroup" + path + "/cgroup.events").find("frozen 1") != std::string::npos;
    }
  }
  return false;
}

std::string control_file(virDomainPtr domain, const std::string& v1, const std::string& v2) {
  // Limits may be on a parent of init's own cgroup: the first directory upwards that is limited or named for the
  // container.
  const pid_t pid = init_pid(domain);
  std::istringstream lines(proc_file(pid, "cgroup"));
  const std::string controller = v1.substr(0, v1.find('/'));
  const std::string file = v1.substr(v1.find('/') + 1);
  const std::string name = virDomainGetName(domain);
  std::string unified;
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    fs::path path = line.substr(second + 1);
    if (controllers == ",,") unified = path;
    if (controllers.find("," + controller + ",") == std::string::npos) continue;
    while (path.has_relative_path() && path.filename().string().find("lxc") != 0) path = path.parent_path();
    return read_text("/sys/fs/cgroup/" + controller + path.string() + "/" + file);
  }
  fs::path path = unified;
  const auto is_container = [&](const fs::path& folder) {
    const std::string last = folder.filename();
    return last != "payload" && last != "libvirt" && last != "supervisor";
  };
  while (path.has_relative_path() && !is_container(path)) path = path.parent_path();
  for (const std::string& base : {"/sys/fs/cgroup" + path.string(), "/sys/fs/cgroup" + unified}) {
    const std::string text = read_text(base + "/" + v2);
    if (!text.empty()) return text;
  }
  return "";
}

std::string limits_folder(virDomainPtr domain, const std::string& controller) {
  // The supervisor's: its own on v1, one above its leaf on v2.
  std::istringstream lines(proc_file(static_cast<pid_t>(virDomainGetID(domain)), "cgroup"));
  std::string unified;
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const fs::path path = line.substr(second + 1);
    if (controllers == ",,") unified = path.parent_path();
    if (controllers.find("," + controller + ",") == std::string::npos) continue;
    for (const auto& mount : {controllers.substr(1, controllers.size() - 2), controller})
      if (exists("/sys/fs/cgroup/" + mount + path.string())) return "/sys/fs/cgroup/" + mount + path.string();
  }
  for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"})
    if (!unified.empty() && exists(mount + unified + "/cgroup.procs")) return mount + unified;
  return "";
}

}  // namespace support
