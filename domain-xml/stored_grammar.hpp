// The table of stored_rules.hpp taken apart.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace domain_xml {

struct StoredAttribute {
  std::string name;
  unsigned hex_digits = 0;  // printed as 0x and that many digits
  bool number = false, cpuset = false, required = false;
  std::string fallback;
  std::vector<std::string_view> words;  // any value when empty
};

struct StoredChild {
  std::string_view name;
  std::string path;  // of its own rule
  bool repeats = false, needs_content = false, required = false;
};

struct StoredGrammar {
  std::vector<StoredAttribute> attributes;
  std::vector<StoredChild> children;
  bool has_text = false;
};

/// The rule for `path`; without one the element has neither attributes nor content.
StoredGrammar stored_grammar(std::string_view path);

}  // namespace domain_xml
