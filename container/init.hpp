// What the cloned child does to become the container's init; ends in exec or gives up.
#pragma once

#include "container/mounts.hpp"
#include "container/plan_view.hpp"

namespace container {

struct ChildInputs {
  MountTrees trees;            // but for `dev`, which comes with the cgroup files
  int supervisor = -1;         // SEQPACKET: ChildRecords out, single bytes in
  const int* given = nullptr;  // descriptors that init has from 3 on
  int given_count = 0;
  int builder = -1;  // SEQPACKET to who makes the mounts (builder.hpp), -1 where init does
};

[[noreturn]] void become_init(const PlanView& plan, ChildInputs inputs);

}  // namespace container
