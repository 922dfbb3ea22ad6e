// The parts of plan_container(), one file each.
#pragma once

#include <linux/mount.h>

#include <cstdint>
#include <string>
#include <vector>

#include "container/host_facts.hpp"
#include "container/plan.hpp"
#include "domain-xml/definition.hpp"

namespace container {

/// Of mounts of the kernel's files.
constexpr std::uint64_t kNoSuidDevExec = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
constexpr std::uint64_t kReadOnly = kNoSuidDevExec | MOUNT_ATTR_RDONLY;

// plan_mounts.cpp
void plan_root(ContainerPlan& plan, const domain_xml::DomainDefinition& definition, const HostFacts& facts);
/// CAP_SYSLOG opens it, with the kernel's addresses; the default policy keeps that, as libvirt's driver does.
enum class KernelLog { Hidden, Shown };
void plan_kernel_mounts(ContainerPlan& plan, bool private_network, KernelLog log);
void plan_cgroup_mounts(ContainerPlan& plan, const cgroup::Hierarchy& hierarchy);
void plan_user_mounts(ContainerPlan& plan, const domain_xml::DomainDefinition& definition, const HostFacts& facts);

// plan_own_view.cpp
void plan_own_files(ContainerPlan& plan, const domain_xml::DomainDefinition& definition, const HostFacts& facts);

// plan_devices.cpp
void plan_devices(ContainerPlan& plan, const domain_xml::DomainDefinition& definition, const HostFacts& facts);

// plan_memory_policy.cpp
MemoryPolicy plan_memory_policy(const domain_xml::DomainDefinition& definition);

// plan_identity.cpp
std::string plan_hostname(const std::string& name);
void plan_id_maps(ContainerPlan& plan, const domain_xml::IdMap& map);
std::vector<ResourceLimit> plan_resource_limits(const std::vector<domain_xml::ResourceLimit>& limits);
InitPlan plan_init(const domain_xml::DomainDefinition& definition);

}  // namespace container
