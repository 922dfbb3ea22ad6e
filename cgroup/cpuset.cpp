#include "cgroup/cpuset.hpp"

#include "cgroup/text.hpp"

namespace cgroup {
namespace {

bool empty(const Directory& directory) {
  const auto cpus = directory.read("cpuset.cpus");
  return cpus && trim(*cpus).empty();
}

}  // namespace

void inherit_cpuset(const Directory& directory) {
  if (!empty(directory)) return;  // cloned at birth already
  // A partition someone else made, or another start is making at this moment, may still have none to give.
  if (const auto parent = directory.child(".."); parent && empty(*parent)) inherit_cpuset(*parent);
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
