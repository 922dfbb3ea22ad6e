#include "native_documents.hpp"

#include <fstream>
#include <sstream>

#include "domain-xml/format.hpp"
#include "domain-xml/validate.hpp"

namespace domain_xml {

std::string native_file(const std::string& name) {
  std::ostringstream text;
  text << std::ifstream(TEST_DATA_DIR "/native/" + name).rdbuf();
  return text.str();
}

FromNative convert_native(NativeFormat format, const std::string& text) {
  FromNative converted = from_native(format, text);
  converted.definition.uuid = *base::parse_uuid("6f1c1b0e-96a1-4bb2-8f4c-5a3f5c0b7a01");
  return converted;
}

std::string native_xml(NativeFormat format, const std::string& text) {
  return format_domain(accept_definition(convert_native(format, text).definition, kHost), View::Inactive);
}

std::string note_lines(const std::vector<std::string>& notes) {
  std::string lines;
  for (const std::string& note : notes) lines += note + "\n";
  return lines;
}

}  // namespace domain_xml
