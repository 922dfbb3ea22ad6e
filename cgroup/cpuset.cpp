#include "cgroup/cpuset.hpp"

#include "cgroup/text.hpp"

namespace cgroup {
namespace {

bool is_empty(const Directory& directory, const char* file) {
  return trim(directory.read(file).value_or("")).empty();
}

void copy_from_parent(const Directory& directory) {
  // A partition someone else made, or another start is making at this moment, may still have none to give, or half.
  if (is_empty(directory, "../cpuset.cpus") || is_empty(directory, "../cpuset.mems"))
    if (const auto parent = directory.child("..")) copy_from_parent(*parent);
  for (const char* file : {"cpuset.cpus", "cpuset.mems"})
    directory.write(file, trim(directory.read(std::string("../") + file).value_or("")));
  directory.write("cgroup.clone_children", "1");
}

}  // namespace

bool inherit_cpuset(const Directory& directory) {
  const auto own = directory.read("cpuset.cpus");
  if (!own || !trim(*own).empty()) return false;  // the kernel clones both files at once
  copy_from_parent(directory);
  return true;
}

void change_cpuset(const Directory& directory, const std::string& file, const std::string& wanted) {
  const std::string now = trim(directory.read_file(file));
  directory.write(file, now.empty() ? wanted : now + "," + wanted);
  for (const auto& name : directory.children())
    if (const auto below = directory.child(name)) change_cpuset(*below, file, wanted);
  directory.write(file, wanted);
}

}  // namespace cgroup
