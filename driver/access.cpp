#include "driver/access.hpp"

#include <libvirt/libvirt.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <initializer_list>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "domain-xml/parse.hpp"
#include "driver/domain_registry.hpp"
#include "driver/wire_values.hpp"

namespace driver {
namespace {

using base::Code;
using base::Error;
using base::From;
namespace proc = rpc::proc;

// As polkit rules written for libvirt's LXC driver look it up ("connect_driver").
constexpr const char* kDriver = "LXC";
constexpr const char* kActions = "/usr/share/polkit-1/actions/";
constexpr rpc::Permission kSeeDomain{"domain", "getattr", 0, 0};
// A client whose events wait for polkit longer than this is dropped like one that does not read them.
constexpr std::size_t kMostWaitingEvents = 8192;

template <typename P>
bool is(const rpc::ProcedureInfo& info) {
  return info.program == P::kProgram && info.number == P::kNumber;
}

template <typename P>
typename P::Args args_of(std::string_view payload) {
  typename P::Args args;
  rpc::Decoder in(payload);
  args.decode(in);
  return args;
}

bool is_about_domain(const rpc::ProcedureInfo& info) {
  for (const auto& permission : info.permissions)
    if (permission.object == "domain") return true;
  return false;
}

/// The document whose domain a call is about; nullptr when it is about one that exists.
std::optional<std::string> document_of(const rpc::ProcedureInfo& info, std::string_view payload) {
  if (is<proc::DomainDefineXml>(info)) return args_of<proc::DomainDefineXml>(payload).xml;
  if (is<proc::DomainDefineXmlFlags>(info)) return args_of<proc::DomainDefineXmlFlags>(payload).xml;
  if (is<proc::DomainCreateXml>(info)) return args_of<proc::DomainCreateXml>(payload).xml_desc;
  return std::nullopt;
}

std::shared_ptr<Domain> looked_up(const Services& services, const rpc::ProcedureInfo& info, std::string_view payload) {
  if (is<proc::DomainLookupByName>(info))
    return require_domain(services.registry, args_of<proc::DomainLookupByName>(payload).name);
  if (is<proc::DomainLookupByUuid>(info))
    return require_domain(services.registry, base::Uuid{args_of<proc::DomainLookupByUuid>(payload).uuid});
  if (is<proc::DomainLookupById>(info))
    return require_domain(services.registry, args_of<proc::DomainLookupById>(payload).id);
  return nullptr;
}

/// One of the files that define the actions asked about has to be there.
void require_actions(std::initializer_list<const char*> files, const char* key) {
  const auto is_there = [](const char* file) { return ::access(base::join(kActions, file).c_str(), R_OK) == 0; };
  if (std::none_of(files.begin(), files.end(), is_there))
    base::log::error("{}: '{}{}' is not installed: polkit will refuse everybody but root", key, kActions,
                     *files.begin());
}

}  // namespace

/// A connection's session.
struct Access::Client {
  const char* action = nullptr;  // polkit's yes to it is needed; nullptr: nothing is
  bool may_authenticate = false;
  bool by_polkit = false;                                               // whoever is not root is restricted
  std::atomic<bool> restricted = false;                                 // every call is asked about
  std::deque<std::pair<DomainIdentity, std::function<void()>>> events;  // in order; the first is being asked about

  static Client& of(const rpc::Connection& connection) { return *static_cast<Client*>(connection.session.get()); }
};

/// One call on its way through the questions that decide it.
struct Access::Inquiry {
  rpc::Call& call;
  const rpc::ProcedureInfo& info;
  std::function<void(const Error*)> decided;
  std::uint32_t argument = 0;            // the one that conditions are about
  std::optional<DomainIdentity> domain;  // the one the call is about
  std::vector<DomainIdentity> listed;    // those that may be part of the answer
  std::shared_ptr<VisibleDomains> visible;

  void refuse(const Error& error) const { decided(&error); }
};

Access::Access(const Config& config, Services& services)
    : rw_(config.auth_unix_rw),
      ro_(config.auth_unix_ro),
      by_polkit_(config.access_by_polkit),
      services_(services),
      polkit_(services.loop) {
  if (rw_ == Authentication::Polkit || ro_ == Authentication::Polkit)
    require_actions({"org.libvirt.unix.policy", "org.lxcell.policy"}, "auth_unix_rw, auth_unix_ro");
  if (by_polkit_) require_actions({"org.libvirt.api.policy"}, "access_drivers");
}

void Access::greet(rpc::Connection& connection) const {
  const auto client = std::make_shared<Client>();
  if (connection.peer().uid != 0) {
    const bool monitor = connection.read_only();  // by its socket: nothing else is known yet
    if ((monitor ? ro_ : rw_) == Authentication::Polkit)
      client->action = monitor ? "org.libvirt.unix.monitor" : "org.libvirt.unix.manage";
    client->restricted = by_polkit_;
  }
  client->by_polkit = by_polkit_;
  connection.session = client;
  if (!client->action) connection.mark_authenticated();
}

rpc::AuthType Access::authentication_of(const rpc::Connection& connection) {
  return connection.authenticated() ? rpc::AuthType::None : rpc::AuthType::Polkit;
}

void Access::authenticate(rpc::Connection& connection) {
  if (!Client::of(connection).may_authenticate || connection.authenticated())
    base::fail_from(From::Rpc, Code::AuthFailed, "the client was not asked to authenticate with polkit");
  connection.mark_authenticated();
}

void Access::speak_for(rpc::Connection& connection, const Parameters& identity) {
  using Type = ParameterType;
  if (connection.peer().uid != 0)
    base::fail_from(From::Rpc, Code::AccessDenied, "only root may speak for somebody else");
  require_known(identity, {{VIR_CONNECT_IDENTITY_USER_NAME, Type::String},
                           {VIR_CONNECT_IDENTITY_UNIX_USER_ID, Type::Ullong},
                           {VIR_CONNECT_IDENTITY_GROUP_NAME, Type::String},
                           {VIR_CONNECT_IDENTITY_UNIX_GROUP_ID, Type::Ullong},
                           {VIR_CONNECT_IDENTITY_PROCESS_ID, Type::Llong},
                           {VIR_CONNECT_IDENTITY_PROCESS_TIME, Type::Ullong},
                           {VIR_CONNECT_IDENTITY_SASL_USER_NAME, Type::String},
                           {VIR_CONNECT_IDENTITY_X509_DISTINGUISHED_NAME, Type::String},
                           {VIR_CONNECT_IDENTITY_SELINUX_CONTEXT, Type::String}});
  const auto* const uid = find_parameter<std::uint64_t>(identity, VIR_CONNECT_IDENTITY_UNIX_USER_ID);
  const auto* const gid = find_parameter<std::uint64_t>(identity, VIR_CONNECT_IDENTITY_UNIX_GROUP_ID);
  const auto* const pid = find_parameter<std::int64_t>(identity, VIR_CONNECT_IDENTITY_PROCESS_ID);
  const auto* const time = find_parameter<std::uint64_t>(identity, VIR_CONNECT_IDENTITY_PROCESS_TIME);
  constexpr rpc::PeerCredentials kNoProcess{0, static_cast<uid_t>(-1), static_cast<gid_t>(-1), 0};
  rpc::PeerCredentials subject = kNoProcess;  // polkit, which knows processes only, is not asked then
  if (uid && pid && time)
    subject = {static_cast<pid_t>(*pid), static_cast<uid_t>(*uid), gid ? static_cast<gid_t>(*gid) : kNoProcess.gid,
               *time};
  connection.speak_for(subject);
  Client& client = Client::of(connection);
  client.restricted = client.by_polkit && subject.uid != 0;
}

void Access::guard(rpc::Call& call, const rpc::ProcedureInfo& info, std::string_view payload,
                   std::function<void(const Error*)> decided) {
  try {
    const Client& client = Client::of(*call.connection);
    if (is<proc::AuthPolkit>(info) && !call.connection->authenticated())
      return ask_to_authenticate(*call.connection, std::move(decided));
    if (!client.restricted || !info.needs_auth) return decided(nullptr);
    const auto inquiry = std::make_shared<Inquiry>(Inquiry{call, info, decided, {}, {}, {}, {}});
    if (!info.permissions_known) return inquiry->refuse(denied({Polkit::Verdict::No, {}}));
    if (info.subject) {
      const rpc::CallSubject subject = info.subject(payload);
      inquiry->argument = subject.argument;
      if (subject.domain) inquiry->domain = find_domain(services_, *subject.domain)->identity();
    }
    if (const auto found = looked_up(services_, info, payload)) inquiry->domain = found->identity();
    if (auto xml = document_of(info, payload)) {
      // A document may be large: a worker reads it.
      services_.run_on_worker([this, inquiry, xml = std::move(*xml)] {
        std::optional<Error> error;
        try {
          const auto definition = domain_xml::parse_domain(xml);
          inquiry->domain = DomainIdentity{definition.name, definition.uuid, -1};
        } catch (const Error& thrown) {
          error = thrown;
        }
        services_.loop.post([this, inquiry, error] { error ? inquiry->refuse(*error) : inquire(inquiry); });
      });
      return;
    }
    inquire(inquiry);
  } catch (const Error& error) {
    decided(&error);
  } catch (const std::exception& problem) {
    const Error error(Code::InternalError, From::Access, problem.what());
    decided(&error);
  }
}

void Access::ask_to_authenticate(const rpc::Connection& connection, std::function<void(const Error*)> decided) {
  Client& client = Client::of(connection);
  const std::string action = client.action;
  const auto answered = [&client, action, decided = std::move(decided)](const Polkit::Answer& answer) {
    const auto refuse = [&decided](Code code, From from, const std::string& why) {
      const Error error(code, from, why);
      decided(&error);
    };
    switch (answer.verdict) {
      case Polkit::Verdict::Yes:
        client.may_authenticate = true;
        return decided(nullptr);
      case Polkit::Verdict::No:
        return refuse(Code::AuthFailed, From::Polkit, "access denied by policy");
      case Polkit::Verdict::Dismissed:
        return refuse(Code::AuthCancelled, From::Polkit, "user cancelled authentication process");
      case Polkit::Verdict::NobodyToAsk:
        return refuse(Code::AuthUnavailable, From::Polkit,
                      "no polkit agent available to authenticate action '" + action + "'");
      case Polkit::Verdict::Unknown:
        base::log::warning("polkit cannot say whether a client may have '{}': {}", action, answer.error);
        return refuse(Code::DbusService, From::Dbus, answer.error);
    }
  };
  polkit_.ask({connection.peer(), action, {}, Polkit::Manner::Interactive}, answered);
}

void Access::inquire(const std::shared_ptr<Inquiry>& inquiry) {
  if (is_about_domain(inquiry->info) && !inquiry->domain) return inquiry->refuse(denied({Polkit::Verdict::No, {}}));
  ask_permissions(inquiry, 0);
}

void Access::ask_permissions(const std::shared_ptr<Inquiry>& inquiry, std::size_t next) {
  const auto permissions = inquiry->info.permissions;
  while (next < permissions.size() && !permissions[next].needed(inquiry->argument)) ++next;
  if (next == permissions.size()) {
    if (!inquiry->info.results) return inquiry->decided(nullptr);
    for (const auto& domain : services_.registry.all()) inquiry->listed.push_back(domain->identity());
    inquiry->visible = std::make_shared<VisibleDomains>();
    return ask_visibility(inquiry, 0);
  }
  ask(*inquiry->call.connection, permissions[next], inquiry->domain ? &*inquiry->domain : nullptr,
      [this, inquiry, next](const Polkit::Answer& answer) {
        if (answer.verdict != Polkit::Verdict::Yes) return inquiry->refuse(denied(answer));
        ask_permissions(inquiry, next + 1);
      });
}

/// One question at a time: a client with many domains to list takes no more of polkit's time at once than another.
void Access::ask_visibility(const std::shared_ptr<Inquiry>& inquiry, std::size_t next) {
  if (next == inquiry->listed.size()) {
    inquiry->call.granted = inquiry->visible;
    return inquiry->decided(nullptr);
  }
  ask(*inquiry->call.connection, *inquiry->info.results, &inquiry->listed[next],
      [this, inquiry, next](const Polkit::Answer& answer) {
        if (answer.verdict == Polkit::Verdict::Unknown) return inquiry->refuse(denied(answer));
        if (answer.verdict == Polkit::Verdict::Yes) inquiry->visible->insert(inquiry->listed[next].uuid);
        ask_visibility(inquiry, next + 1);
      });
}

void Access::ask(const rpc::Connection& connection, const rpc::Permission& permission, const DomainIdentity* domain,
                 std::function<void(const Polkit::Answer&)> answered) {
  Polkit::Question question{
      connection.subject(), base::join("org.libvirt.api.", permission.object, ".", permission.name), {}, {}};
  question.details.emplace_back("connect_driver", kDriver);
  if (permission.object == "domain") {
    question.details.emplace_back("domain_name", domain->name);
    question.details.emplace_back("domain_uuid", base::format_uuid(domain->uuid));
  }
  polkit_.ask(std::move(question), std::move(answered));
}

Error Access::denied(const Polkit::Answer& answer) {
  const bool unknown = answer.verdict == Polkit::Verdict::Unknown;
  if (unknown && !complained_) base::log::error("calls are refused, for polkit does not answer: {}", answer.error);
  complained_ = unknown;
  return Error(Code::AccessDenied, From::Access,
               base::join("'", kDriver, "' denied access", unknown ? ": " + answer.error : ""));
}

bool Access::ask_first(const std::shared_ptr<rpc::Connection>& connection, const DomainIdentity& domain,
                       std::function<void()> send) {
  if (!Client::of(*connection).restricted) return false;
  services_.loop.post([this, connection, domain, send = std::move(send)] {
    if (!connection->session) return;  // gone meanwhile
    Client& client = Client::of(*connection);
    if (client.events.size() >= kMostWaitingEvents) return connection->drop("its events wait for polkit");
    client.events.emplace_back(domain, send);
    if (client.events.size() == 1) deliver_next(connection);
  });
  return true;
}

void Access::deliver_next(const std::shared_ptr<rpc::Connection>& connection) {
  ask(*connection, kSeeDomain, &Client::of(*connection).events.front().first,
      [this, connection](const Polkit::Answer& answer) {
        if (!connection->session) return;  // gone meanwhile
        auto& events = Client::of(*connection).events;
        if (answer.verdict == Polkit::Verdict::Unknown) {  // better no client than one that misses events
          events.clear();
          return connection->drop("polkit does not say which events it may see: " + answer.error);
        }
        const auto send = std::move(events.front().second);
        events.pop_front();
        if (answer.verdict == Polkit::Verdict::Yes) send();
        if (!events.empty()) deliver_next(connection);
      });
}

}  // namespace driver
