#include "container/ovs_port.hpp"

#include <jansson.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "domain-xml/native_json.hpp"

namespace container {
namespace {

using base::Code;
using domain_xml::JsonOwner;

constexpr int kAnswerSeconds = 10;
constexpr std::size_t kMostAnswerBytes = 1 << 20;
constexpr const char* kOwnerKey = "lxcell-domain";

base::Fd connect_to_database(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    base::fail_errno_value(ENAMETOOLONG, Code::SystemError, "cannot use socket '", path, "'");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) base::fail_errno(Code::SystemError, "cannot make a socket");
  const timeval limit{.tv_sec = kAnswerSeconds, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    base::fail_errno(Code::SystemError, "cannot reach the Open vSwitch database at '", path, "'");
  return fd;
}

/// Up to the end of one JSON text: the database keeps the connection open and puts nothing between its messages.
JsonOwner receive(const base::Fd& socket, const std::string& path) {
  std::string text;
  while (text.size() < kMostAnswerBytes) {
    char buffer[4096];
    const ssize_t size = ::recv(socket.get(), buffer, sizeof buffer, 0);
    if (size <= 0) break;
    text.append(buffer, static_cast<std::size_t>(size));
    json_error_t error;
    if (JsonOwner answer{json_loadb(text.data(), text.size(), JSON_DISABLE_EOF_CHECK, &error)}) return answer;
  }
  base::fail(Code::SystemError, "the Open vSwitch database at '", path, "' does not answer");
}

std::string text_of(const json_t* value) {
  const char* const text = json_string_value(value);
  return text ? text : "";
}

/// One transaction: all of `operations`, or none. The array of their results.
JsonOwner transact(const std::string& path, JsonOwner operations, const std::string& what) {
  JsonOwner parameters(json_pack("[s]", "Open_vSwitch"));
  json_array_extend(parameters.get(), operations.get());
  const JsonOwner request(json_pack("{s:i, s:s, s:O}", "id", 0, "method", "transact", "params", parameters.get()));
  const std::string bytes = domain_xml::format_json(request.get());
  const base::Fd socket = connect_to_database(path);
  if (::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
    base::fail_errno(Code::SystemError, what);
  const JsonOwner answer = receive(socket, path);
  json_t* const results = json_object_get(answer.get(), "result");
  if (!json_is_array(results)) base::fail(Code::SystemError, what, ": the request was not understood");
  std::size_t index = 0;
  json_t* result = nullptr;
  json_array_foreach(results, index, result) {
    const json_t* const error = json_object_get(result, "error");
    if (error)
      base::fail(Code::SystemError, what, ": ", text_of(error), " ", text_of(json_object_get(result, "details")));
  }
  return JsonOwner(json_incref(results));
}

void add_pair(json_t* pairs, const char* key, const std::string& value) {
  if (!value.empty()) json_array_append_new(pairs, json_pack("[s,s]", key, value.c_str()));
}

JsonOwner interface_row(const OvsPlan& plan, const std::string& link, const OvsOwner& owner) {
  const JsonOwner ids(json_array());
  add_pair(ids.get(), kOwnerKey, owner.name);
  add_pair(ids.get(), "vm-id", owner.uuid);
  add_pair(ids.get(), "attached-mac", plan.mac);
  add_pair(ids.get(), "iface-id", plan.interface_id);
  add_pair(ids.get(), "iface-status", "active");
  add_pair(ids.get(), "port-profile", plan.profile_id);
  return JsonOwner(json_pack("{s:s, s:[s,O]}", "name", link.c_str(), "external_ids", "map", ids.get()));
}

/// ovs-vswitchd.conf.db(5): a tag alone is an access port; with trunks it is the native VLAN.
JsonOwner port_row(const OvsPlan& plan, const std::string& link) {
  JsonOwner row(json_pack("{s:s, s:[s,s]}", "name", link.c_str(), "interfaces", "named-uuid", "interface"));
  const JsonOwner trunks(json_array());
  for (const auto& vlan : plan.vlans) {
    const bool access = plan.vlans.size() == 1 && vlan.untagged;
    if (vlan.native) json_object_set_new(row.get(), "tag", json_integer(vlan.id));
    if (!access) json_array_append_new(trunks.get(), json_integer(vlan.id));
    if (vlan.native && !access)
      json_object_set_new(row.get(), "vlan_mode", json_string(vlan.untagged ? "native-untagged" : "native-tagged"));
  }
  if (json_array_size(trunks.get()) > 0)
    json_object_set_new(row.get(), "trunks", json_pack("[s,O]", "set", trunks.get()));
  return row;
}

/// The uuids in column _uuid of a select's rows.
std::vector<std::string> selected(const JsonOwner& results) {
  std::vector<std::string> uuids;
  std::size_t index = 0;
  json_t* row = nullptr;
  json_array_foreach(json_object_get(json_array_get(results.get(), 0), "rows"), index, row)
      uuids.push_back(text_of(json_array_get(json_object_get(row, "_uuid"), 1)));
  return uuids;
}

std::vector<std::string> select(const std::string& database, const char* table, JsonOwner where,
                                const std::string& what) {
  return selected(transact(database,
                           JsonOwner(json_pack("[{s:s, s:s, s:O, s:[s]}]", "op", "select", "table", table, "where",
                                               where.get(), "columns", "_uuid")),
                           what));
}

/// Out of every bridge it is in; a port in no bridge is no more, and its interface neither.
void remove_port(const std::string& database, const std::string& uuid, const std::string& what) {
  transact(database,
           JsonOwner(json_pack("[{s:s, s:s, s:[[s,s,[s,s]]], s:[[s,s,[s,s]]]}]", "op", "mutate", "table", "Bridge",
                               "where", "ports", "includes", "uuid", uuid.c_str(), "mutations", "ports", "delete",
                               "uuid", uuid.c_str())),
           what);
}

}  // namespace

bool has_ovs(const std::string& database) {
  return ::access(database.c_str(), F_OK) == 0;
}

OvsPort OvsPort::add(const OvsPlan& plan, const std::string& link, const OvsOwner& owner, const std::string& database) {
  const std::string what =
      base::join("cannot make network device '", link, "' a port of Open vSwitch bridge '", plan.bridge, "'");
  const auto bridges =
      select(database, "Bridge", JsonOwner(json_pack("[[s,s,s]]", "name", "==", plan.bridge.c_str())), what);
  if (bridges.empty()) base::fail_errno_value(ENODEV, Code::SystemError, what);
  const JsonOwner interface = interface_row(plan, link, owner), port = port_row(plan, link);
  JsonOwner operations(json_array());
  json_array_append_new(operations.get(), json_pack("{s:s, s:s, s:s, s:O}", "op", "insert", "table", "Interface",
                                                    "uuid-name", "interface", "row", interface.get()));
  json_array_append_new(operations.get(), json_pack("{s:s, s:s, s:s, s:O}", "op", "insert", "table", "Port",
                                                    "uuid-name", "port", "row", port.get()));
  json_array_append_new(
      operations.get(),
      json_pack("{s:s, s:s, s:[[s,s,[s,s]]], s:[[s,s,[s,s]]]}", "op", "mutate", "table", "Bridge", "where", "_uuid",
                "==", "uuid", bridges.front().c_str(), "mutations", "ports", "insert", "named-uuid", "port"));
  transact(database, std::move(operations), what);
  return OvsPort(link, database);
}

OvsPort::OvsPort(OvsPort&& other) noexcept
    : link_(std::exchange(other.link_, {})), database_(std::move(other.database_)) {}

OvsPort& OvsPort::operator=(OvsPort&& other) noexcept {
  if (this == &other) return *this;
  const OvsPort previous(std::move(*this));
  link_ = std::exchange(other.link_, {});
  database_ = std::move(other.database_);
  return *this;
}

OvsPort::~OvsPort() {
  if (link_.empty()) return;
  try {
    remove_ovs_port(link_, database_);
  } catch (const std::exception& error) {
    base::log::warning("Open vSwitch port '{}' stays behind: {}", link_, error.what());
  }
}

void remove_ovs_port(const std::string& link, const std::string& database) {
  const std::string what = base::join("cannot remove Open vSwitch port '", link, "'");
  for (const auto& uuid : select(database, "Port", JsonOwner(json_pack("[[s,s,s]]", "name", "==", link.c_str())), what))
    remove_port(database, uuid, what);
}

void remove_ovs_ports_of(const std::string& owner, const std::string& database) {
  const std::string what = base::join("cannot remove the Open vSwitch ports of '", owner, "'");
  const auto interfaces = select(
      database, "Interface",
      JsonOwner(json_pack("[[s,s,[s,[[s,s]]]]]", "external_ids", "includes", "map", kOwnerKey, owner.c_str())), what);
  for (const auto& interface : interfaces)
    for (const auto& port :
         select(database, "Port",
                JsonOwner(json_pack("[[s,s,[s,s]]]", "interfaces", "includes", "uuid", interface.c_str())), what))
      remove_port(database, port, what);
}

}  // namespace container
