// What the readers and writers of foreign configurations share: the definition in the making, the list of what was
// left out, numbers with errors that name their place, and the parts both formats say alike.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain-xml/native.hpp"

namespace domain_xml {

constexpr std::size_t kMaxNativeBytes = 4 * 1024 * 1024;

/// A definition in the making. An `origin` names place, key and value: "line 12: lxc.tty.max = x".
class Conversion {
 public:
  DomainDefinition definition;

  /// Adds to the list of what was left out; beyond a thousand they are only counted.
  void skip(const std::string& origin, const std::string& reason = {});
  FromNative take();

 private:
  std::vector<std::string> unconverted_;
  std::size_t uncounted_ = 0;
};

FromNative from_lxc_tools(std::string_view text);
FromNative from_oci_runtime(std::string_view text);
std::string to_lxc_tools(const DomainDefinition& definition);
std::string to_oci_runtime(const DomainDefinition& definition);

/// "key = value" with a long value cut short.
std::string origin_of(const std::string& key, const std::string& value);
/// InvalidArg when `text` is too long to be read (ConfigUnsupported) or no text XML could hold.
void require_native_text(std::string_view text);

/// Numbers as the kernel's files have them; InvalidArg naming `origin` otherwise.
std::uint64_t native_number(const std::string& origin, const std::string& text);
std::int64_t native_signed(const std::string& origin, const std::string& text);
/// With a suffix k, m, g or t for powers of 1024.
std::uint64_t native_bytes(const std::string& origin, const std::string& text);
/// Rounded down as stock does, but never to 0, which would stand for no limit.
std::uint64_t kib_of(std::uint64_t bytes);

/// The pieces between blanks.
std::vector<std::string> split_blanks(std::string_view text);

/// The parts of a definition that every conversion starts from and ends with: uuid, name, init, consoles, memory,
/// whether the network is private.
void begin_conversion(Conversion& conversion);
enum class NetworkNamespace { Own, Host, Shared };
void finish_conversion(Conversion& conversion, NetworkNamespace network);
/// XmlError when it cannot be the name of a domain.
void set_native_name(Conversion& conversion, const std::string& origin, const std::string& name);
/// `values` become the policy 'allow' with these off, or 'deny' with these on. Names without CAP_, any case.
void set_native_capabilities(Conversion& conversion, const std::string& origin, CapabilityPolicy policy,
                             const std::vector<std::string>& names);
/// What our policy 'default' drops and other programs keep.
inline constexpr const char* kDroppedByDefault[] = {"sys_module", "sys_time", "mknod", "audit_control", "mac_admin"};
/// Interfaces, or links of the host's that are moved: either brings a network of the container's own.
bool has_links(const DomainDefinition& definition);
Filesystem root_filesystem(FilesystemType type, const std::string& source);

/// The lines of `given` as XML that are missing in `again`, what its native text is read back as.
std::vector<std::string> lost_lines(const DomainDefinition& given, const DomainDefinition& again);
/// The filesystem mounted as "/"; ConfigUnsupported when it is of a type no other program knows.
Filesystem native_root(const DomainDefinition& definition);

// What goes into our own element (lxcell:container), or is left out by name.
void set_pids_limit(Conversion& conversion, const std::string& origin, std::int64_t limit);
/// `name` as in prlimit(1) ("nofile"); nullopt is unlimited.
void set_resource_limit(Conversion& conversion, const std::string& origin, const std::string& name,
                        std::optional<std::uint64_t> soft, std::optional<std::uint64_t> hard);
void set_seccomp_profile(Conversion& conversion, const std::string& origin);
void set_overlay_root(Conversion& conversion, const std::string& origin, const std::vector<std::string>& lower,
                      const std::string& upper);
void set_automatic_user_namespace(Conversion& conversion, const std::string& origin);
void set_no_new_privileges(Conversion& conversion, const std::string& origin);

}  // namespace domain_xml
