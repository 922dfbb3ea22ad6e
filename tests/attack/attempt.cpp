#include "attack/attempt.hpp"

#include <cstring>

namespace attack {

void Facts::add(const std::string& word) {
  const auto equals = word.find('=');
  if (equals != std::string::npos) values_.emplace_back(word.substr(0, equals), word.substr(equals + 1));
}

std::string Facts::operator[](const std::string& key) const {
  for (const auto& [name, value] : values_)
    if (name == key) return value;
  return "";
}

Outcome refused(const std::string& detail) {
  return {Outcome::Kind::Refused, detail};
}

Outcome refused_errno(int error) {
  return refused(strerrorname_np(error) ? strerrorname_np(error) : std::to_string(error));
}

Outcome let_through(const std::string& detail) {
  return {Outcome::Kind::LetThrough, detail};
}

Outcome not_there(const std::string& detail) {
  return {Outcome::Kind::NotThere, detail};
}

Outcome judge(long result, const std::string& detail) {
  return result < 0 ? refused_errno() : let_through(detail.empty() ? std::to_string(result) : detail);
}

Outcome judge_past_permission(long result) {
  const int error = errno;
  if (result >= 0) return let_through("done");
  if (error == EPERM || error == EACCES || error == ENOSYS) return refused_errno(error);
  return let_through(std::string("only ") + strerrorname_np(error));
}

}  // namespace attack
