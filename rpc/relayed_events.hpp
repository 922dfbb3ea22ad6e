// What events a client has asked another libvirt daemon for. The numbers by which it knows them are ours, so that they
// stay what they are when that daemon has been restarted and they have been asked for again. Loop thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rpc {

class RelayedEvents {
 public:
  /// Of REMOTE: CONNECT_..._EVENT_(DE)REGISTER_ANY of networks, storage pools, node devices and secrets.
  static bool registers(std::int32_t procedure);
  static bool deregisters(std::int32_t procedure);

  struct Registration {
    std::int32_t procedure;
    std::string arguments;
    std::int32_t here;                  // the client's number
    std::optional<std::int32_t> there;  // the other daemon's; none: it has not answered yet
  };

  /// What the client is answered in place of the daemon's `reply`.
  std::string add(std::int32_t procedure, std::string arguments, std::string_view reply);
  /// The other daemon is another one: these are to be asked for again, and renew()ed or drop()ped.
  const std::vector<Registration>& begin_again();
  void renew(std::int32_t here, std::string_view reply);
  void drop(std::int32_t here);
  bool empty() const { return registrations_.empty(); }

  /// A deregistration's arguments as the other daemon knows them. One that was never made is -1 there: its own number
  /// could be another one's.
  std::string outgoing(std::string_view arguments) const;
  /// An event's message as the client knows it; none: it has not asked for it.
  std::optional<std::string> incoming(std::string_view message) const;
  static std::int32_t number_in(std::string_view payload);

 private:
  std::vector<Registration> registrations_;
  std::int32_t next_ = 0;
};

}  // namespace rpc
