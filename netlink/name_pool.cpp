#include "netlink/name_pool.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "netlink/message.hpp"

namespace netlink {

std::string next_link_name(const std::string& prefix, const std::vector<std::string>& in_use, unsigned& counter) {
  if (!valid_link_name(prefix + "0")) base::fail(base::Code::InvalidArg, "invalid network device name '", prefix, "0'");
  // One more candidate than names in use: one of them is free, unless the room for numbers ends before that.
  for (std::size_t tried = 0; tried <= in_use.size(); ++tried) {
    if (!valid_link_name(prefix + std::to_string(counter))) counter = 0;
    const std::string name = prefix + std::to_string(counter++);
    if (std::find(in_use.begin(), in_use.end(), name) == in_use.end()) return name;
  }
  base::fail(base::Code::OperationFailed, "no network device name '", prefix, "<number>' is free");
}

}  // namespace netlink
