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
  bool size = false;  // counted in the attribute "unit", printed in KiB
  bool zero_is_none = false;
  bool dropped = false;
  bool selects = false;      // a word may have a rule of its own: see path_of_word()
  bool unsupported = false;  // an unknown word is no error of form but not supported
  std::string fallback;
  std::vector<std::string_view> words;  // any value when empty
};

struct StoredChild {
  std::string_view name;
  std::string path;  // of its own rule
  bool repeats = false, needs_content = false, required = false, dropped = false;
  bool sorted = false;    // by its first attribute
  bool made_up = false;   // when absent
  bool per_type = false;  // the rule is that of the parent's type, where there is one
};

struct StoredGrammar {
  std::vector<StoredAttribute> attributes;
  std::vector<StoredChild> children;
  bool has_text = false;
  bool has_size = false;  // the text is a size, printed in KiB
};

/// The rule for `path`; without one the element has neither attributes nor content.
const StoredGrammar& stored_grammar(std::string_view path);
bool has_stored_grammar(std::string_view path);

/// The path of the rule that holds in place of the one for `path` where `attribute` is `word`; empty when it is that.
std::string path_of_word(std::string_view path, const StoredAttribute& attribute, std::string_view word);

}  // namespace domain_xml
