#include "driver/siblings.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <map>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/log.hpp"

namespace driver {
namespace {

using base::Code;
using base::From;
using rpc::Subdriver;
namespace proc = rpc::proc;
using Handler = rpc::ProcedureTable::Handler;

constexpr const char* kMonolithic = "libvirtd";

/// Lists and counts: "none", because tools ask for them before anything else and give up on an error.
template <typename... P>
std::map<std::int32_t, Handler> empty_answers() {
  const auto empty = []<typename Ret>(std::type_identity<Ret>) -> Handler {
    return [](rpc::Call&, rpc::Decoder&, rpc::Encoder& out) { rpc::encode(out, Ret{}); };
  };
  return {{P::kNumber, empty(std::type_identity<typename P::Ret>{})}...};
}

std::map<std::int32_t, Handler> lists_and_counts() {
  return empty_answers<proc::ConnectNumOfNetworks, proc::ConnectListNetworks, proc::ConnectNumOfDefinedNetworks,
                       proc::ConnectListDefinedNetworks, proc::ConnectListAllNetworks, proc::ConnectNumOfStoragePools,
                       proc::ConnectListStoragePools, proc::ConnectNumOfDefinedStoragePools,
                       proc::ConnectListDefinedStoragePools, proc::ConnectListAllStoragePools, proc::NodeNumOfDevices,
                       proc::NodeListDevices, proc::ConnectListAllNodeDevices, proc::ConnectNumOfNwfilters,
                       proc::ConnectListNwfilters, proc::ConnectListAllNwfilters, proc::ConnectListAllNwfilterBindings,
                       proc::ConnectNumOfSecrets, proc::ConnectListSecrets, proc::ConnectListAllSecrets,
                       proc::ConnectNumOfInterfaces, proc::ConnectListInterfaces, proc::ConnectNumOfDefinedInterfaces,
                       proc::ConnectListDefinedInterfaces, proc::ConnectListAllInterfaces>();
}

/// Empty when nobody listens there.
base::Fd connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    base::fail_from(From::Rpc, Code::InvalidArg, "socket path '", path, "' is too long");
  path.copy(address.sun_path, path.size());
  base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) throw base::Error(Code::SystemError, From::Rpc, "cannot make a socket", errno);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return socket;
  if (errno == ENOENT || errno == ENOTDIR || errno == ECONNREFUSED) return {};
  throw base::Error(Code::SystemError, From::Rpc, base::join("failed to connect socket to '", path, "'"), errno);
}

/// For a URI's query (RFC 3986, section 2).
std::string escaped(const std::string& path) {
  std::string text;
  for (const unsigned char c : path) {
    const bool plain = std::isalnum(c) || c == '/' || c == '-' || c == '_' || c == '.';
    text += plain ? std::string(1, static_cast<char>(c)) : fmt::format("%{:02X}", c);
  }
  return text;
}

}  // namespace

Siblings::Siblings(std::string socket_directory, std::chrono::seconds answer_limit)
    : directory_(std::move(socket_directory)),
      answer_limit_(answer_limit),
      siblings_{{Subdriver::Network, "network", "virtnetworkd", "networks"},
                {Subdriver::Storage, "storage", "virtstoraged", "storage pools"},
                {Subdriver::NodeDevice, "nodedev", "virtnodedevd", "node devices"},
                {Subdriver::Nwfilter, "nwfilter", "virtnwfilterd", "network filters"},
                {Subdriver::Secret, "secret", "virtsecretd", "secrets"},
                {Subdriver::Interface, "interface", "virtinterfaced", "host interfaces"}} {
  for (Sibling& sibling : siblings_)
    sibling.route = {base::join(sibling.scheme, ":///system"),
                     [this, &sibling](bool read_only) { return connect(sibling, read_only); }};
}

void Siblings::add_calls(rpc::ProcedureTable& table) {
  const auto empty = lists_and_counts();
  for (const rpc::ProcedureInfo& info : rpc::procedures()) {
    if (info.is_event) continue;
    for (Sibling& sibling : siblings_) {
      if (sibling.subdriver != info.subdriver) continue;
      const auto found = empty.find(info.number);
      const Handler refusal = [this, &sibling](rpc::Call&, rpc::Decoder&, rpc::Encoder&) { refuse(sibling); };
      table.relay(info.program, info.number, sibling.route, found == empty.end() ? refusal : found->second);
    }
  }
}

std::string Siblings::socket_path(const char* daemon, bool read_only) const {
  // libvirtd's sockets lack the "d" of its name.
  const std::string name = daemon == kMonolithic ? "libvirt" : daemon;
  return base::join(directory_, "/", name, read_only ? "-sock-ro" : "-sock");
}

/// The modular daemon's socket comes first, as with libvirt's own clients.
base::Fd Siblings::connect(Sibling& sibling, bool read_only) const {
  for (const char* daemon : {sibling.daemon, kMonolithic}) {
    if (base::Fd socket = connect_to(socket_path(daemon, read_only))) {
      sibling.missed = false;
      return socket;
    }
  }
  if (!std::exchange(sibling.missed, true))
    base::log::warning("neither {} nor {} listens in '{}': lists of {} are empty", sibling.daemon, kMonolithic,
                       directory_, sibling.objects);
  return {};
}

std::map<std::string, bool> Siblings::listening() const {
  std::map<std::string, bool> found;
  for (const Sibling& sibling : siblings_)
    found[sibling.daemon] = connect_to(socket_path(sibling.daemon, true)) || connect_to(socket_path(kMonolithic, true));
  return found;
}

const Siblings::Sibling& Siblings::find(Subdriver subdriver) const {
  return *std::ranges::find(siblings_, subdriver, &Sibling::subdriver);
}

const char* Siblings::objects_of(Subdriver subdriver) const {
  return find(subdriver).objects;
}

std::string Siblings::client_uri(Subdriver subdriver) const {
  const Sibling& sibling = find(subdriver);
  for (const char* daemon : {sibling.daemon, kMonolithic}) {
    const std::string path = socket_path(daemon, false);
    if (connect_to(path)) return base::join(sibling.scheme, ":///system?socket=", escaped(path));
  }
  refuse(sibling);
}

/// Code, domain and errno are those of libvirt's own daemons in this place.
void Siblings::refuse(const Sibling& sibling) const {
  throw base::Error(Code::SystemError, From::Rpc,
                    base::join("failed to connect socket to '", socket_path(sibling.daemon, false), "' (start ",
                               sibling.daemon, " or ", kMonolithic, ", which has the ", sibling.objects, ")"),
                    ENOENT);
}

}  // namespace driver
