#include "container/plan_fixture.hpp"

#include <gtest/gtest.h>

namespace container::plans {

using domain_xml::DomainDefinition;
using domain_xml::Filesystem;
using domain_xml::FilesystemType;

namespace {

const char* kV1Mounts =
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
const char* kV1Own = "3:name=systemd:/\n2:memory:/\n1:cpu,cpuacct:/\n0::/\n";
const char* kV2Mounts = "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";

}  // namespace

HostFacts v2_host() {
  HostFacts facts;
  facts.arch = "x86_64";
  facts.last_capability = 40;
  facts.cgroups = cgroup::Hierarchy::parse(kV2Mounts, "0::/\n", "cpuset cpu io memory pids");
  facts.sources["/srv/web"] = {};
  return facts;
}

HostFacts hybrid_host() {
  auto facts = v2_host();
  facts.cgroups = cgroup::Hierarchy::parse(kV1Mounts, kV1Own, "");
  return facts;
}

Filesystem filesystem(FilesystemType type, const std::string& source, const std::string& target) {
  Filesystem one;
  one.type = type;
  one.source = source;
  one.target = target;
  one.access_mode = "passthrough";
  return one;
}

DomainDefinition web() {
  DomainDefinition definition;
  definition.name = "web";
  definition.uuid = *base::parse_uuid("11111111-2222-3333-4444-555555555555");
  definition.memory_kib = 65536;
  definition.os.arch = "x86_64";
  definition.os.init = "/sbin/init";
  definition.filesystems = {filesystem(FilesystemType::Mount, "/srv/web", "/")};
  definition.consoles.resize(1);
  return definition;
}

std::string plan_text(const DomainDefinition& definition, const HostFacts& facts, const UnsafeDefaults& unsafe) {
  return print_plan(plan_container(definition, facts, unsafe));
}

base::Error refusal(const DomainDefinition& definition, const HostFacts& facts) {
  try {
    plan_container(definition, facts, {});
  } catch (const base::Error& error) {
    return error;
  }
  ADD_FAILURE() << "was not refused";
  return base::Error(base::Code::Ok, base::From::None, "");
}

}  // namespace container::plans
