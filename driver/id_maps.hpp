// Host ids for containers with an automatic id map: ranges from /etc/subuid and /etc/subgid (subuid(5)), no two domains
// the same, and a domain's own for as long as it is defined. Where the user has none there, those that distributions
// keep for containers.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/uuid.hpp"
#include "domain-xml/definition.hpp"

namespace driver {

class DomainRegistry;

struct IdRange {
  std::uint32_t start = 0;
  std::uint32_t count = 0;
  std::uint64_t end() const { return std::uint64_t{start} + count; }
  bool overlaps(const IdRange& other) const { return start < other.end() && other.start < end(); }
  bool operator==(const IdRange&) const = default;
};

using IdRanges = std::vector<IdRange>;

/// Of a file in the format of subuid(5): the ranges of one user, and everybody else's.
struct Subids {
  IdRanges own, others;
  bool operator==(const Subids&) const = default;
};
/// `user` by name, or number; lines that say nothing sensible are skipped.
Subids parse_subids(std::string_view text, const std::string& user, std::uint32_t number);
/// `file` is "subuid" or "subgid": below `root`, if there is one, else this host's.
Subids read_subids(const std::string& root, const char* file, const std::string& user);

/// Where ids may come from, and what of it may not be given out.
struct IdSources {
  IdRanges uids, gids, taken;
};
/// The user's own; if there are none, what systemd's UIDS-GIDS document keeps for containers and nobody else was given.
IdSources id_sources(const Subids& subuid, const Subids& subgid);
/// The lowest `count` ids that lie in one of `uids` and in one of `gids` and in none of `taken`.
std::optional<std::uint32_t> choose_ids(IdSources sources, std::uint32_t count);

/// What a definition gets that says nothing about ids: the host's, or an automatic map.
enum class WhoNamesNoIds { HasTheHosts, HasAnAutomaticMap };

class IdMaps {
 public:
  /// `user` is whose subordinate ids are given out; below `root` its own etc/subuid counts, if there is one.
  IdMaps(const DomainRegistry& registry, std::string root, std::string user, WhoNamesNoIds who);

  /// Keeps a range reserved until the definition it was chosen for is listed (or refused).
  class Claim {
   public:
    Claim() = default;
    Claim(IdMaps* maps, const base::Uuid& uuid) : maps_(maps), uuid_(uuid) {}
    Claim(Claim&& other) noexcept : maps_(other.maps_), uuid_(other.uuid_) { other.maps_ = nullptr; }
    Claim& operator=(Claim&&) = delete;
    ~Claim();

   private:
    IdMaps* maps_ = nullptr;
    base::Uuid uuid_;
  };

  /// Fills in `start` of an automatic map: the one it names unless another domain has that (a clone's definition names
  /// the original's), what the domain of this uuid has already, or free ids. Throws ConfigUnsupported if there are
  /// none.
  [[nodiscard]] Claim choose(domain_xml::DomainDefinition& definition);

 private:
  const DomainRegistry& registry_;
  const std::string root_, user_;
  const WhoNamesNoIds who_;
  std::mutex mutex_;
  std::map<base::Uuid, IdRange> claims_;
};

}  // namespace driver
