#include "driver/id_maps.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "container/plan_container.hpp"
#include "driver/domain_registry.hpp"

namespace driver {
namespace {

using base::Code;
using domain_xml::DomainDefinition;

constexpr IdRange kForContainers{524288, 1879048192 - 524288};

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Up to the next `separator`, which goes too.
std::string_view cut(std::string_view& text, char separator) {
  const auto at = text.find(separator);
  const auto part = text.substr(0, at);
  text = at == text.npos ? std::string_view{} : text.substr(at + 1);
  return part;
}

struct SubidLine {
  bool own;
  IdRange range;
};

std::optional<SubidLine> parse_line(std::string_view line, const std::string& user, const std::string& number) {
  const auto owner = cut(line, ':');
  const auto start = parse_number<std::uint32_t>(cut(line, ':')), count = parse_number<std::uint32_t>(line);
  if (!start || !count || *count == 0) return std::nullopt;
  // The last id means "none"; ranges that reach it end before.
  return SubidLine{owner == user || owner == number, {*start, std::min(*count, UINT32_MAX - *start)}};
}

/// The lowest free place for `count` ids in `range`; `taken` is sorted.
std::optional<std::uint32_t> choose_in(const IdRange& range, const IdRanges& taken, std::uint32_t count) {
  std::uint64_t place = range.start;
  for (const auto& other : taken) {
    if (other.start >= place + count) break;
    place = std::max(place, other.end());
  }
  if (place + count > range.end()) return std::nullopt;
  return static_cast<std::uint32_t>(place);
}

/// Everything on the host that `definition` gives to its container, except when that is everything (no map).
void add_ranges(std::vector<IdRange>& ranges, const DomainDefinition& definition) {
  const auto& automatic = definition.extension.idmap;
  if (automatic && automatic->start) ranges.push_back({*automatic->start, automatic->count});
  for (const auto* entries : {&definition.idmap.uids, &definition.idmap.gids})
    for (const auto& entry : *entries) ranges.push_back({entry.target, entry.count});
}

std::optional<std::uint32_t> start_of(const DefinitionPtr& definition, std::uint32_t count) {
  if (!definition || !definition->extension.idmap || definition->extension.idmap->count != count) return std::nullopt;
  return definition->extension.idmap->start;
}

std::uint32_t number_of(const std::string& user) {
  if (const passwd* entry = ::getpwnam(user.c_str())) return entry->pw_uid;
  return UINT32_MAX;
}

}  // namespace

Subids parse_subids(std::string_view text, const std::string& user, std::uint32_t number) {
  Subids found;
  while (!text.empty())
    if (const auto line = parse_line(cut(text, '\n'), user, std::to_string(number)))
      (line->own ? found.own : found.others).push_back(line->range);
  return found;
}

Subids read_subids(const std::string& root, const char* file, const std::string& user) {
  const std::string path = std::string("/etc/") + file;
  const bool own = !root.empty() && ::access((root + path).c_str(), F_OK) == 0;
  if (!own && ::access(path.c_str(), F_OK) != 0) return {};
  return parse_subids(base::read_file(own ? root + path : path), user, number_of(user));
}

IdSources id_sources(const Subids& subuid, const Subids& subgid) {
  if (!subuid.own.empty() || !subgid.own.empty()) return {subuid.own, subgid.own, {}};
  IdSources sources{{kForContainers}, {kForContainers}, subuid.others};
  sources.taken.insert(sources.taken.end(), subgid.others.begin(), subgid.others.end());
  return sources;
}

std::optional<std::uint32_t> choose_ids(IdSources sources, std::uint32_t count) {
  std::sort(sources.taken.begin(), sources.taken.end(), [](auto& a, auto& b) { return a.start < b.start; });
  std::optional<std::uint32_t> lowest;
  for (const auto& uids : sources.uids) {
    for (const auto& gids : sources.gids) {
      const std::uint32_t start = std::max(uids.start, gids.start);
      const std::uint64_t end = std::min(uids.end(), gids.end());
      if (start >= end) continue;
      const auto place = choose_in({start, static_cast<std::uint32_t>(end - start)}, sources.taken, count);
      if (place && (!lowest || *place < *lowest)) lowest = place;
    }
  }
  return lowest;
}

IdMaps::IdMaps(const DomainRegistry& registry, std::string root, std::string user, WhoNamesNoIds who)
    : registry_(registry), root_(std::move(root)), user_(std::move(user)), who_(who) {}

IdMaps::Claim::~Claim() {
  if (!maps_) return;
  const std::scoped_lock lock(maps_->mutex_);
  maps_->claims_.erase(uuid_);
}

IdMaps::Claim IdMaps::choose(DomainDefinition& definition) {
  auto& automatic = definition.extension.idmap;
  if (who_ == WhoNamesNoIds::HasAnAutomaticMap && definition.idmap.empty() && !definition.extension.host_ids &&
      !container::needs_host_users(definition) && !automatic)
    automatic.emplace();
  if (!automatic) return {};
  const std::scoped_lock lock(mutex_);
  auto sources = id_sources(read_subids(root_, "subuid", user_), read_subids(root_, "subgid", user_));
  std::optional<std::uint32_t> own;
  for (const auto& domain : registry_.all()) {
    const auto now = domain->snapshot();
    if (now.identity.uuid == definition.uuid) {
      own = start_of(now.config, automatic->count);
      if (!own) own = start_of(now.live, automatic->count);
      continue;
    }
    for (const auto& part : {now.config, now.live})
      if (part) add_ranges(sources.taken, *part);
  }
  for (const auto& [uuid, range] : claims_)
    if (uuid != definition.uuid) sources.taken.push_back(range);
  const auto is_free = [&](std::uint32_t start) {
    const IdRange wanted{start, automatic->count};
    return std::none_of(sources.taken.begin(), sources.taken.end(),
                        [&](const IdRange& range) { return range.overlaps(wanted); });
  };
  if (!automatic->start || !is_free(*automatic->start))
    automatic->start = own ? own : choose_ids(std::move(sources), automatic->count);
  if (!automatic->start)
    base::fail(Code::ConfigUnsupported, "no ", automatic->count, " free ids for the automatic id map of domain '",
               definition.name, "': give user '", user_, "' more in /etc/subuid and /etc/subgid");
  claims_[definition.uuid] = {*automatic->start, automatic->count};
  return {this, definition.uuid};
}

}  // namespace driver
