#include "driver/id_maps.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "driver/domain_registry.hpp"

namespace driver {
namespace {

using base::Code;
using domain_xml::DomainDefinition;

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

std::optional<IdRange> parse_line(std::string_view line, const std::string& user, const std::string& number) {
  const auto owner = cut(line, ':');
  if (owner != user && owner != number) return std::nullopt;
  const auto start = parse_number<std::uint32_t>(cut(line, ':')), count = parse_number<std::uint32_t>(line);
  if (!start || !count || *count == 0) return std::nullopt;
  // The last id means "none"; ranges that reach it end before.
  return IdRange{*start, std::min(*count, UINT32_MAX - *start)};
}

bool inside(const IdRange& range, const IdRange& outer) {
  return range.start >= outer.start && range.end() <= outer.end();
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

std::vector<IdRange> parse_subids(std::string_view text, const std::string& user, std::uint32_t number) {
  std::vector<IdRange> ranges;
  while (!text.empty())
    if (const auto range = parse_line(cut(text, '\n'), user, std::to_string(number))) ranges.push_back(*range);
  return ranges;
}

std::optional<std::uint32_t> choose_ids(const std::vector<IdRange>& uids, const std::vector<IdRange>& gids,
                                        const std::vector<IdRange>& used, std::uint32_t count) {
  // A free place begins where a range does or right after one that is taken.
  std::vector<std::uint64_t> places;
  for (const auto* ranges : {&uids, &gids})
    for (const auto& range : *ranges) places.push_back(range.start);
  for (const auto& range : used) places.push_back(range.end());
  std::sort(places.begin(), places.end());
  for (const auto place : places) {
    if (place + count > UINT32_MAX) continue;
    const IdRange wanted{static_cast<std::uint32_t>(place), count};
    const auto holds = [&](const IdRange& range) { return inside(wanted, range); };
    if (std::none_of(uids.begin(), uids.end(), holds) || std::none_of(gids.begin(), gids.end(), holds)) continue;
    const auto taken = [&](const IdRange& range) { return range.overlaps(wanted); };
    if (std::none_of(used.begin(), used.end(), taken)) return wanted.start;
  }
  return std::nullopt;
}

IdMaps::IdMaps(const DomainRegistry& registry, std::string root, std::string user)
    : registry_(registry), root_(std::move(root)), user_(std::move(user)) {}

IdMaps::Claim::~Claim() {
  if (!maps_) return;
  const std::scoped_lock lock(maps_->mutex_);
  maps_->claims_.erase(uuid_);
}

std::vector<IdRange> IdMaps::read_subids(const char* file) const {
  const std::string path = std::string("/etc/") + file;
  const bool own = !root_.empty() && ::access((root_ + path).c_str(), F_OK) == 0;
  if (!own && ::access(path.c_str(), F_OK) != 0) return {};
  return parse_subids(base::read_file(own ? root_ + path : path), user_, number_of(user_));
}

IdMaps::Claim IdMaps::choose(DomainDefinition& definition) {
  auto& automatic = definition.extension.idmap;
  if (!automatic) return {};
  const std::scoped_lock lock(mutex_);
  std::vector<IdRange> used;
  std::optional<std::uint32_t> own;
  for (const auto& domain : registry_.all()) {
    const auto now = domain->snapshot();
    if (now.identity.uuid == definition.uuid) {
      own = start_of(now.config, automatic->count);
      if (!own) own = start_of(now.live, automatic->count);
      continue;
    }
    for (const auto& part : {now.config, now.live})
      if (part) add_ranges(used, *part);
  }
  for (const auto& [uuid, range] : claims_)
    if (uuid != definition.uuid) used.push_back(range);
  if (automatic->start) {
    const IdRange wanted{*automatic->start, automatic->count};
    if (std::any_of(used.begin(), used.end(), [&](const IdRange& range) { return range.overlaps(wanted); }))
      base::fail(Code::ConfigUnsupported, "ids ", wanted.start, " to ", wanted.end() - 1, " of domain '",
                 definition.name, "' are in use by another domain");
  } else {
    automatic->start = own ? own : choose_ids(read_subids("subuid"), read_subids("subgid"), used, automatic->count);
    if (!automatic->start)
      base::fail(Code::ConfigUnsupported, "no ", automatic->count, " free ids for the automatic id map of domain '",
                 definition.name, "': give user '", user_, "' more in /etc/subuid and /etc/subgid");
  }
  claims_[definition.uuid] = {*automatic->start, automatic->count};
  return {this, definition.uuid};
}

}  // namespace driver
