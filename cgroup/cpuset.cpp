#include "cgroup/cpuset.hpp"

#include "cgroup/text.hpp"

namespace cgroup {
bool inherit_cpuset(const Directory& directory) {
  const auto own = directory.read("cpuset.cpus");
  if (!own || !trim(*own).empty()) return false;  // cloned at birth already
  auto cpus = directory.read("../cpuset.cpus");
  if (cpus && trim(*cpus).empty()) {
    // A partition someone else made, or another start is making at this moment, may still have none to give.
    if (const auto parent = directory.child("..")) inherit_cpuset(*parent);
    cpus = directory.read("../cpuset.cpus");
  }
  directory.write("cpuset.cpus", trim(cpus.value_or("")));
  directory.write("cpuset.mems", trim(directory.read("../cpuset.mems").value_or("")));
  directory.write("cgroup.clone_children", "1");
  return true;
}

void change_cpuset(const Directory& directory, const std::string& file, const std::string& wanted) {
  const std::string now = trim(directory.read(file).value_or(""));
  directory.write(file, now.empty() ? wanted : now + "," + wanted);
  for (const auto& name : directory.children())
    if (const auto below = directory.child(name)) change_cpuset(*below, file, wanted);
  directory.write(file, wanted);
}

}  // namespace cgroup
