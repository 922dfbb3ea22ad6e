// Plan bytes: whatever is accepted can be walked to its end, and encodes to the same bytes again.
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "container/plan_codec.hpp"
#include "container/plan_view.hpp"

namespace {

std::size_t walk(const container::PlanView& plan) {
  std::size_t size = plan.seccomp.size;
  for (const auto& step : plan.mounts) {
    for (const char* text : {step.source, step.target, step.fstype, step.options}) size += std::strlen(text);
  }
  for (const auto& node : plan.nodes) size += std::strlen(node.path);
  for (const auto& link : plan.links) size += std::strlen(link.path) + std::strlen(link.target);
  for (const char* text : plan.init.arguments) size += std::strlen(text);
  for (const char* text : plan.init.environment) size += std::strlen(text);
  return size;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  container::PlanView view;
  const bool seen = container::view_plan(data, size, view);
  if (seen && walk(view) > size) std::abort();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto plan = container::decode_plan(bytes);
  if (plan.has_value() != seen) std::abort();
  if (plan && container::encode_plan(*plan) != bytes) std::abort();
  return 0;
}
