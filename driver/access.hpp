// Who may use this daemon, and for what: how clients of each socket prove who they are (auth_unix_rw, auth_unix_ro),
// and libvirt's fine-grained rules for each call and each domain (access_drivers). Root may always. Nothing of it
// waits: the server's guard asks polkit and the call goes on when the answer is there.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "base/uuid.hpp"
#include "driver/config.hpp"
#include "driver/domain.hpp"
#include "driver/events.hpp"
#include "driver/parameters.hpp"
#include "driver/polkit.hpp"
#include "rpc/procedure_table.hpp"

namespace driver {

/// What a list call may show: nullptr for everything (Call::granted).
using VisibleDomains = std::set<base::Uuid>;
inline const VisibleDomains* visible_domains(const rpc::Call& call) {
  return static_cast<const VisibleDomains*>(call.granted.get());
}

class Access {
 public:
  Access(const Config& config, Services& services);

  /// Something is asked of somebody; otherwise there is no need of a guard.
  bool guards() const { return rw_ != Authentication::None || ro_ != Authentication::None || by_polkit_; }
  /// Server::on_connection.
  void greet(rpc::Connection& connection) const;
  /// Server::guard: AUTH_POLKIT by polkit's word, every other call by the permissions of the procedure table.
  void guard(rpc::Call& call, const rpc::ProcedureInfo& info, std::string_view payload,
             std::function<void(const base::Error*)> decided);
  /// AUTH_LIST and AUTH_POLKIT. The latter throws AuthFailed unless the guard has polkit's yes.
  static rpc::AuthType authentication_of(const rpc::Connection& connection);
  static void authenticate(rpc::Connection& connection);
  /// CONNECT_SET_IDENTITY: whom libvirt's proxy daemon, which is root, asks for. From then on polkit is asked about
  /// him.
  static void speak_for(rpc::Connection& connection, const Parameters& identity);
  /// Whether polkit has to be asked if the client may see `domain`, and then `send` is called on the loop thread later
  /// if it may; a client's events stay in order. Any thread.
  bool ask_first(const std::shared_ptr<rpc::Connection>& connection, const DomainIdentity& domain,
                 std::function<void()> send);
  /// Every open question is dropped: the server has shut down.
  void stop() { polkit_.forget_all(); }

 private:
  struct Client;
  struct Inquiry;

  void ask_to_authenticate(const rpc::Connection& connection, std::function<void(const base::Error*)> decided);
  void inquire(const std::shared_ptr<Inquiry>& inquiry);
  void ask_permissions(const std::shared_ptr<Inquiry>& inquiry, std::size_t next);
  void ask_visibility(const std::shared_ptr<Inquiry>& inquiry, std::size_t next);
  void ask(const rpc::Connection& connection, const rpc::Permission& permission, const DomainIdentity* domain,
           std::function<void(const Polkit::Answer&)> answered);
  void deliver_next(const std::shared_ptr<rpc::Connection>& connection);
  base::Error denied(const Polkit::Answer& answer);

  const Authentication rw_, ro_;
  const bool by_polkit_;
  Services& services_;
  Polkit polkit_;
  bool complained_ = false;  // the log has been told that polkit does not answer
};

}  // namespace driver
