#include "cgroup/cpuset.hpp"

#include "cgroup/text.hpp"

namespace cgroup {

void inherit_cpuset(const Directory& directory) {
  if (!trim(directory.read("cpuset.cpus").value_or("")).empty()) return;  // cloned at birth already
  for (const std::string file : {"cpuset.cpus", "cpuset.mems"})
    directory.write(file, trim(directory.read("../" + file).value_or("")));
  directory.write("cgroup.clone_children", "1");
}

void change_cpuset(const Directory& directory, const std::string& file, const std::string& wanted) {
  const std::string now = trim(directory.read(file).value_or(""));
  directory.write(file, now.empty() ? wanted : now + "," + wanted);
  for (const auto& name : directory.children())
    if (const auto below = directory.child(name)) change_cpuset(*below, file, wanted);
  directory.write(file, wanted);
}

}  // namespace cgroup
