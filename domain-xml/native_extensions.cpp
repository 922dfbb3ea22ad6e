// Settings that foreign configurations have and the definition does not yet: the one place where each is left out.
#include "domain-xml/native_parts.hpp"

namespace domain_xml {

void set_pids_limit(Conversion& conversion, const std::string& origin, std::int64_t /*limit*/) {
  conversion.skip(origin);
}

void set_resource_limit(Conversion& conversion, const std::string& origin, const std::string& /*name*/,
                        std::optional<std::uint64_t> /*soft*/, std::optional<std::uint64_t> /*hard*/) {
  conversion.skip(origin);
}

void set_seccomp_profile(Conversion& conversion, const std::string& origin) {
  conversion.skip(origin);
}

void set_overlay_root(Conversion& conversion, const std::string& origin, const std::vector<std::string>& lower,
                      const std::string& upper) {
  // Writing must not reach the lower directory, which others may share.
  Filesystem root = root_filesystem(FilesystemType::Mount, lower.front());
  root.readonly = true;
  conversion.definition.filesystems.push_back(std::move(root));
  conversion.skip(origin, "the root is '" + lower.front() + "', read-only, without '" + upper + "' above it");
}

void set_automatic_user_namespace(Conversion& conversion, const std::string& origin) {
  conversion.skip(origin, "a user namespace needs id maps");
}

void set_no_new_privileges(Conversion& conversion, const std::string& origin) {
  conversion.skip(origin);
}

}  // namespace domain_xml
