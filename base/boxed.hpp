// An optional value for members that few objects have: a pointer wide where it is absent, with std::optional's names.
#pragma once

#include <memory>
#include <optional>
#include <utility>

namespace base {

template <typename T>
class Boxed {
 public:
  Boxed() = default;
  Boxed(std::nullopt_t) {}
  Boxed(T value) : value_(std::make_unique<T>(std::move(value))) {}
  Boxed(std::optional<T> value) : value_(value ? std::make_unique<T>(std::move(*value)) : nullptr) {}
  Boxed(const Boxed& other) : value_(other ? std::make_unique<T>(*other) : nullptr) {}
  Boxed(Boxed&&) noexcept = default;
  Boxed& operator=(Boxed other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }
  ~Boxed() = default;

  explicit operator bool() const { return value_ != nullptr; }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return value_.get(); }
  const T* operator->() const { return value_.get(); }
  operator std::optional<T>() const { return value_ ? std::optional<T>(*value_) : std::nullopt; }
  T value_or(const T& otherwise) const { return value_ ? *value_ : otherwise; }
  void reset() { value_.reset(); }

  friend bool operator==(const Boxed& one, const Boxed& other) {
    return one && other ? *one == *other : !one == !other;
  }

 private:
  std::unique_ptr<T> value_;
};

}  // namespace base
