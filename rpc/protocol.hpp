// The wire types, one tag per procedure (rpc::proc::) and event (rpc::event::), and the facts about each, all generated
// from rpc/protocol/*.tsv. Every generated struct is a plain aggregate with bounded encode() and decode().
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "rpc/xdr.hpp"

namespace rpc {

/// Arguments or result of a procedure that has none.
struct Nothing {
  void encode(Encoder&) const {}
  void decode(Decoder&) {}
  bool operator==(const Nothing&) const = default;
};

template <typename T>
void encode(Encoder& out, const T& value) {
  value.encode(out);
}
template <typename T>
void decode(Decoder& in, T& value) {
  value.decode(in);
}

enum class ReadOnlyAccess { Allowed, Refused, Conditional };  // Conditional: the handler decides by the arguments
enum class StreamDirection { None, FromClient, ToClient, Both };
/// Which of libvirt's other drivers a call or an event belongs to; None: to the hypervisor's or the daemon itself.
enum class Subdriver { None, Network, Storage, NodeDevice, Nwfilter, Secret, Interface };

/// Error domains of virterror.h that base::From does not name.
inline constexpr auto kFromDomainSnapshot = static_cast<base::From>(VIR_FROM_DOMAIN_SNAPSHOT);
inline constexpr auto kFromDomainCheckpoint = static_cast<base::From>(VIR_FROM_DOMAIN_CHECKPOINT);

/// What one of libvirt's access drivers is asked about: may the caller do `name` to the `object`?
struct Permission {
  std::string_view object, name;  // as polkit spells them: "connect" or "domain", "open-device"
  std::uint32_t mask, unless;     // needed if there is no mask, or the call's argument under it is not `unless`
  bool needed(std::uint32_t argument) const { return mask == 0 || (argument & mask) != unless; }
};

struct CallSubject;

struct ProcedureInfo {
  std::uint32_t program;
  std::int32_t number;
  const char* name;
  const char* api;  // the public function, e.g. "virDomainCreate"; for AUTH_* and events the procedure's name
  ReadOnlyAccess read_only;
  bool needs_auth;
  bool high_priority;
  StreamDirection stream;
  bool fds_from_client;
  bool fds_to_client;
  bool is_event;
  base::From family;  // the error domain of "not supported" and "read only"
  Subdriver subdriver;
  bool permissions_known;  // false: nobody may, where permissions are asked for
  std::span<const Permission> permissions;
  const Permission* results;  // on each object, for it to be part of the answer; nullptr: the answer is not a list
  /// What the permissions are about, from the arguments; nullptr: nothing of them matters. Throws as decode().
  CallSubject (*subject)(std::string_view payload);
};

/// Every procedure and event of REMOTE, LXC, QEMU and ADMIN, by program and then by number.
std::span<const ProcedureInfo> procedures();

}  // namespace rpc

#include "rpc/protocol.gen.hpp"

namespace rpc {

struct CallSubject {
  std::optional<NonnullDomain> domain;
  std::uint32_t argument = 0;  // the one that Permission::mask is about
};

}  // namespace rpc
