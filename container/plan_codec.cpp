#include "container/plan_codec.hpp"

#include <vector>

#include "base/error.hpp"
#include "container/plan_view.hpp"

namespace container {
namespace {

class Writer {
 public:
  template <typename Number>
  void number(const Number& value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void flag(bool value) { bytes_.push_back(value ? 1 : 0); }
  template <typename Choice>
  void choice(Choice value, Choice) {
    bytes_.push_back(static_cast<char>(value));
  }
  void text(const std::string& value) {
    if (value.find('\0') != std::string::npos)
      base::fail(base::Code::InvalidArg, "NUL character in '", value.c_str(), "'");
    bytes(value);
  }
  void bytes(const std::string& value) {
    if (value.size() >= UINT32_MAX) base::fail(base::Code::Overflow, "text of ", value.size(), " bytes in a plan");
    number(static_cast<std::uint32_t>(value.size()));
    bytes_.append(value);
    bytes_.push_back('\0');
  }
  template <typename Item>
  void list(const std::vector<Item>& items) {
    number(static_cast<std::uint32_t>(items.size()));
    for (const Item& item : items) fields(*this, item);
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class ValueReader : public Reader {
 public:
  explicit ValueReader(std::string_view bytes)
      : Reader(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) {}
  void text(std::string& value) {
    const char* view = "";
    Reader::text(view);
    value = view;
  }
  void bytes(std::string& value) {
    Bytes view;
    Reader::bytes(view);
    value.assign(reinterpret_cast<const char*>(view.data), view.size);
  }
  template <typename Item>
  void list(std::vector<Item>& items) {
    std::uint32_t count = 0;
    number(count);
    for (std::uint32_t i = 0; i < count && !failed(); i++) fields(*this, items.emplace_back());
  }
};

}  // namespace

std::string encode_plan(const ContainerPlan& plan) {
  Writer writer;
  writer.number(kPlanMagic);
  writer.number(kPlanVersion);
  plan_fields(writer, plan);
  return writer.take();
}

std::optional<ContainerPlan> decode_plan(std::string_view bytes) {
  ValueReader reader(bytes);
  std::uint32_t magic = 0, version = 0;
  reader.number(magic);
  reader.number(version);
  if (magic != kPlanMagic || version != kPlanVersion) return std::nullopt;
  ContainerPlan plan;
  plan_fields(reader, plan);
  if (reader.failed() || !reader.at_end()) return std::nullopt;
  return plan;
}

}  // namespace container
