#include "domain-xml/domain_capabilities.hpp"

#include "base/error.hpp"
#include "domain-xml/capabilities.hpp"
#include "domain-xml/writer.hpp"

namespace domain_xml {
namespace {

using base::Code;

void write_enum(Writer& writer, const char* name, std::initializer_list<const char*> values) {
  writer.open("enum").attribute("name", name);
  for (const char* value : values) writer.leaf("value", value);
  writer.close();
}

void write_unsupported(Writer& writer, const char* name) {
  writer.open(name).attribute("supported", "no").close();
}

void write_cpu(Writer& writer) {
  writer.open("cpu");
  for (const char* mode : {"host-passthrough", "maximum", "host-model", "custom"})
    writer.open("mode").attribute("name", mode).attribute("supported", "no").close();
  writer.close();
}

void write_devices(Writer& writer) {
  writer.open("devices");
  writer.open("disk").attribute("supported", "yes");
  write_enum(writer, "diskDevice", {"disk"});
  writer.close();
  write_unsupported(writer, "graphics");
  write_unsupported(writer, "video");
  writer.open("hostdev").attribute("supported", "yes");
  write_enum(writer, "mode", {"subsystem", "capabilities"});
  write_enum(writer, "subsysType", {"usb"});
  write_enum(writer, "capsType", {"storage", "misc", "net"});
  writer.close();
  write_unsupported(writer, "rng");
  writer.open("filesystem").attribute("supported", "yes");
  write_enum(writer, "type", {"mount", "bind", "file", "block", "ram"});
  writer.close();
  write_unsupported(writer, "tpm");
  write_unsupported(writer, "redirdev");
  write_unsupported(writer, "channel");
  writer.open("interface").attribute("supported", "yes");
  write_enum(writer, "type", {"bridge", "network", "direct", "ethernet", "hostdev"});
  writer.close();
  writer.open("console").attribute("supported", "yes");
  write_enum(writer, "type", {"pty"});
  writer.close();
  writer.close();
}

}  // namespace

void require_offered(const DomainCapabilitiesQuestion& question, const DomainCapabilitiesHost& host) {
  if (!question.type.empty() && question.type != "lxc")
    base::fail(Code::InvalidArg, "unknown virttype '", question.type, "', this driver has 'lxc'");
  if (!question.arch.empty() && question.arch != host.arch && question.arch != sibling_arch(host.arch))
    base::fail(Code::InvalidArg, "architecture '", question.arch, "' cannot run on this host ('", host.arch, "')");
  if (!question.emulator.empty() && question.emulator != host.emulator)
    base::fail(Code::InvalidArg, "unknown emulator '", question.emulator, "', this driver has '", host.emulator, "'");
  if (!question.machine.empty())
    base::fail(Code::InvalidArg, "containers have no machine types, not even '", question.machine, "'");
}

std::string format_domain_capabilities(const DomainCapabilitiesQuestion& question, const DomainCapabilitiesHost& host) {
  require_offered(question, host);
  Writer writer;
  writer.open("domainCapabilities");
  writer.leaf("path", host.emulator).leaf("domain", "lxc");
  writer.leaf("arch", question.arch.empty() ? host.arch : question.arch);
  writer.open("vcpu").attribute("max", host.max_vcpus).close();
  write_unsupported(writer, "iothreads");
  writer.open("os").attribute("supported", "yes");
  write_unsupported(writer, "loader");
  writer.close();
  write_cpu(writer);
  write_unsupported(writer, "memoryBacking");
  write_devices(writer);
  writer.open("features");
  for (const char* name : {"gic", "vmcoreinfo", "genid", "backingStoreInput", "backup", "sev"})
    write_unsupported(writer, name);
  writer.close();
  writer.close();
  return writer.take();
}

}  // namespace domain_xml
