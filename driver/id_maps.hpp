// Host ids for containers with an automatic id map: ranges from /etc/subuid and /etc/subgid (subuid(5)), no two domains
// the same, and a domain's own for as long as it is defined.
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

/// The ranges of `user` (name, or number) in the text of subuid(5); lines that say nothing sensible are skipped.
std::vector<IdRange> parse_subids(std::string_view text, const std::string& user, std::uint32_t number);
/// The lowest `count` ids that lie in one of `uids` and in one of `gids` and in none of `used`.
std::optional<std::uint32_t> choose_ids(const std::vector<IdRange>& uids, const std::vector<IdRange>& gids,
                                        const std::vector<IdRange>& used, std::uint32_t count);

class IdMaps {
 public:
  /// `user` is whose subordinate ids are given out; below `root` its own etc/subuid counts, if there is one.
  IdMaps(const DomainRegistry& registry, std::string root, std::string user);

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

  /// Fills in `start` of an automatic map: what the domain of this uuid has already, else free ids. Throws
  /// ConfigUnsupported if there are none, or if the definition names ids that another domain has.
  [[nodiscard]] Claim choose(domain_xml::DomainDefinition& definition);

 private:
  std::vector<IdRange> read_subids(const char* file) const;

  const DomainRegistry& registry_;
  const std::string root_, user_;
  std::mutex mutex_;
  std::map<base::Uuid, IdRange> claims_;
};

}  // namespace driver
