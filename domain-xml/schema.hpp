// RELAX NG validation (the VALIDATE flags): stricter than parsing, unknown elements and attributes are refused.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct _xmlRelaxNG;

namespace domain_xml {

/// Not to be shared between threads.
class Schema {
 public:
  /// Throws SystemError or InternalError when it cannot be read.
  explicit Schema(const std::string& path);
  /// Throws XmlInvalidSchema naming the schema and the first offending element with its line, XmlDetail for malformed
  /// text, XmlError for more than 256 KiB.
  void validate(std::string_view xml) const;

 private:
  struct Free {
    void operator()(_xmlRelaxNG* schema) const noexcept;
  };
  std::string path_;
  std::unique_ptr<_xmlRelaxNG, Free> schema_;
};

}  // namespace domain_xml
