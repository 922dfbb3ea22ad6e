// Foreign configurations for the tests: tests/data/native/NAME.conf or .json as a user has it, NAME.FORMAT.xml the
// definition it becomes, NAME.FORMAT.notes what is left out.
#pragma once

#include <string>
#include <vector>

#include "documents.hpp"
#include "domain-xml/native.hpp"

namespace domain_xml {

std::string native_file(const std::string& name);
/// With a uuid that does not change.
FromNative convert_native(NativeFormat format, const std::string& text);
/// The definition as a define call would print it.
std::string native_xml(NativeFormat format, const std::string& text);
std::string note_lines(const std::vector<std::string>& notes);

}  // namespace domain_xml
