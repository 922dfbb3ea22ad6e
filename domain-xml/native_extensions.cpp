// Settings of foreign configurations that only our own element has a place for, or none has.
#include "domain-xml/native_parts.hpp"
#include "domain-xml/words.hpp"

namespace domain_xml {

void set_pids_limit(Conversion& conversion, const std::string& origin, std::int64_t limit) {
  if (limit <= 0) return conversion.skip(origin);
  conversion.definition.extension.pids_limit = static_cast<std::uint64_t>(limit);
}

void set_resource_limit(Conversion& conversion, const std::string& origin, const std::string& name,
                        std::optional<std::uint64_t> soft, std::optional<std::uint64_t> hard) {
  auto& limits = conversion.definition.extension.resource_limits;
  if (!contains(kResourceLimitNames, name)) return conversion.skip(origin, "there is no such limit");
  if (hard && (!soft || *soft > *hard)) return conversion.skip(origin, "the soft limit is above the hard one");
  std::erase_if(limits, [&](const ResourceLimit& limit) { return limit.name == name; });
  limits.push_back({name, soft, hard});
}

void set_seccomp_profile(Conversion& conversion, const std::string& origin) {
  conversion.skip(origin);
}

void set_overlay_root(Conversion& conversion, const std::string& origin, const std::vector<std::string>& lower,
                      const std::string& upper) {
  constexpr std::string_view kUpper = "/upper";  // what ours is called in its directory
  if (lower.size() == 1 && upper.starts_with('/') && upper.ends_with(kUpper) && upper.size() > kUpper.size()) {
    conversion.definition.filesystems.push_back(root_filesystem(FilesystemType::Mount, lower.front()));
    conversion.definition.extension.overlay = RootOverlay{upper.substr(0, upper.size() - kUpper.size()), std::nullopt};
    return;
  }
  // Writing must not reach the lower directory, which others may share.
  Filesystem root = root_filesystem(FilesystemType::Mount, lower.front());
  root.readonly = true;
  conversion.definition.filesystems.push_back(std::move(root));
  conversion.skip(origin, "the root is '" + lower.front() + "', read-only, without '" + upper + "' above it");
}

void set_automatic_user_namespace(Conversion& conversion, const std::string& /*origin*/) {
  conversion.definition.extension.idmap.emplace();
}

void set_no_new_privileges(Conversion& conversion, const std::string& origin) {
  conversion.skip(origin);
}

}  // namespace domain_xml
