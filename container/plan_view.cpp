#include "container/plan_view.hpp"

namespace container {

const unsigned char* Reader::take(std::size_t size) {
  if (failed_ || size > static_cast<std::size_t>(end_ - at_)) {
    fail();
    return nullptr;
  }
  const unsigned char* from = at_;
  at_ += size;
  return from;
}

void Reader::flag(bool& value) {
  std::uint8_t raw = 0;
  number(raw);
  if (raw > 1) fail();
  value = !failed_ && raw == 1;
}

void Reader::bytes(Bytes& value) {
  value = {};
  std::uint32_t size = 0;
  number(size);
  const unsigned char* from = take(std::size_t{size} + 1);
  if (from == nullptr) return;
  if (from[size] != 0) return fail();
  value = {from, size};
}

void Reader::text(const char*& value) {
  value = "";
  Bytes raw;
  bytes(raw);
  if (failed_) return;
  if (std::memchr(raw.data, 0, raw.size) != nullptr) return fail();
  value = reinterpret_cast<const char*>(raw.data);
}

bool view_plan(const unsigned char* data, std::size_t size, PlanView& plan) {
  Reader reader(data, size);
  std::uint32_t magic = 0, version = 0;
  reader.number(magic);
  reader.number(version);
  if (magic != kPlanMagic || version != kPlanVersion) return false;
  plan_fields(reader, plan);
  return !reader.failed() && reader.at_end();
}

}  // namespace container
