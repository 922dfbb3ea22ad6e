#include "driver/config_file.hpp"

#include <charconv>

#include "base/error.hpp"

namespace driver {
namespace {

bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& file) : rest_(text), file_(file) {}

  std::vector<ConfigEntry> entries() {
    std::vector<ConfigEntry> found;
    for (skip(Lines::Pass); !rest_.empty(); skip(Lines::Pass)) found.push_back(entry());
    return found;
  }

 private:
  enum class Lines { Stop, Pass };

  [[noreturn]] void refuse(std::string_view why) const {
    base::fail(base::Code::ConfSyntax, file_, ":", line_, ": ", why);
  }

  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (c == '\n') ++line_;
    return c;
  }

  /// Blanks and comments; and line ends, unless the statement ends there.
  void skip(Lines lines) {
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (c == '\n' && lines == Lines::Stop) return;
      if (c == '#')
        rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      else if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
        take();
      else
        return;
    }
  }

  ConfigEntry entry() {
    ConfigEntry entry{line_, {}, {}};
    while (!rest_.empty() && is_key_character(rest_.front())) entry.key += take();
    if (entry.key.empty()) refuse("a key is expected");
    skip(Lines::Stop);
    if (rest_.empty() || rest_.front() != '=') refuse("'key = value' is expected");
    take();
    skip(Lines::Stop);
    if (rest_.empty()) refuse("a value is expected");
    if (rest_.front() == '[')
      entry.value = list();
    else if (rest_.front() == '"' || rest_.front() == '\'')
      entry.value = text();
    else
      entry.value = number();
    skip(Lines::Stop);
    if (!rest_.empty() && rest_.front() != '\n') refuse("nothing more is expected after the value");
    return entry;
  }

  long number() {
    long result = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), result);
    if (error != std::errc{}) refuse("a number, a quoted text or a list is expected");
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return result;
  }

  std::string text() {
    const bool many_lines = rest_.starts_with("\"\"\"");
    const std::string_view quote = rest_.substr(0, many_lines ? 3 : 1);
    const auto end = rest_.find(quote, quote.size());
    const std::string found(rest_.substr(quote.size(), end - quote.size()));
    if (end == std::string_view::npos || (!many_lines && found.find('\n') != std::string::npos))
      refuse("the text has no closing quote");
    if (found.find('\0') != std::string::npos) refuse("the text has a zero byte");
    for (std::size_t i = 0; i < quote.size() * 2 + found.size(); ++i) take();
    return found;
  }

  std::vector<std::string> list() {
    std::vector<std::string> found;
    take();
    for (skip(Lines::Pass); !rest_.empty(); skip(Lines::Pass)) {
      if (rest_.front() == ']') {
        take();
        return found;
      }
      if (rest_.front() != '"' && rest_.front() != '\'') refuse("a list of quoted texts is expected");
      found.push_back(text());
      skip(Lines::Pass);
      if (!rest_.empty() && rest_.front() == ',')
        take();
      else if (rest_.empty() || rest_.front() != ']')
        break;
    }
    refuse("the list has no closing bracket");
  }

  std::string_view rest_;
  const std::string& file_;
  int line_ = 1;
};

}  // namespace

std::vector<ConfigEntry> parse_config_file(std::string_view text, const std::string& file) {
  return Reader(text, file).entries();
}

}  // namespace driver
