// Conversions between foreign container configurations and domain XML. Pure text: nothing is defined, no file is read.
#include "base/error.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/native.hpp"
#include "domain-xml/parse.hpp"
#include "domain-xml/validate.hpp"
#include "domain-xml/writer.hpp"
#include "driver/calls.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using base::Code;
using rpc::Call;
using rpc::Run;
namespace proc = rpc::proc;

domain_xml::NativeFormat require_format(const std::string& word) {
  const auto format = domain_xml::parse_native_format(word);
  if (!format)
    base::fail(Code::InvalidArg, "unsupported config type '", word, "', this driver has 'lxc-tools' and 'oci-runtime'");
  return *format;
}

/// A note is foreign text: only what may stand in an XML comment.
std::string printable(std::string note) {
  const bool fine = domain_xml::is_xml_text(note);
  for (char& c : note)
    if (static_cast<unsigned char>(c) < ' ' || (!fine && static_cast<unsigned char>(c) >= 0x7f)) c = '?';
  for (auto at = note.find("--"); at != std::string::npos; at = note.find("--", at)) note.replace(at, 2, "- -");
  return note;
}

/// What could not be converted, as a comment that the document begins with.
std::string comment(const std::vector<std::string>& unconverted) {
  if (unconverted.empty()) return "";
  std::string text = "<!--\n";
  for (const auto& note : unconverted) text += printable(note) + "\n";
  return text + "-->\n";
}

std::string from_native(const Services& services, const std::string& format, const std::string& config) {
  auto [definition, unconverted] = domain_xml::from_native(require_format(format), config);
  const auto accepted = accept_definition(std::move(definition), services.defaults);
  return comment(unconverted) + domain_xml::format_domain(accepted, domain_xml::View::Inactive);
}

std::string to_native(const Services& services, const std::string& format, const std::string& xml) {
  const auto wanted = require_format(format);
  return domain_xml::to_native(wanted, accept_definition(domain_xml::parse_domain(xml), services.defaults));
}

}  // namespace

void add_native_calls(rpc::ProcedureTable& table, Services& services) {
  table.on<proc::ConnectDomainXmlFromNative>(Run::Worker, [&](Call&, const auto& args) {
    require_flags(args.flags, 0, "virConnectDomainXMLFromNative");
    return rpc::ConnectDomainXmlFromNativeRet{from_native(services, args.nativeFormat, args.nativeConfig)};
  });
  table.on<proc::ConnectDomainXmlToNative>(Run::Worker, [&](Call&, const auto& args) {
    require_flags(args.flags, 0, "virConnectDomainXMLToNative");
    return rpc::ConnectDomainXmlToNativeRet{to_native(services, args.nativeFormat, args.domainXml)};
  });
}

}  // namespace driver
