// Who wants which events, and their delivery. A client too slow for its quota is disconnected by rpc, never waited for.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/uuid.hpp"
#include "driver/events.hpp"
#include "rpc/connection.hpp"

namespace driver {

class EventHub : public EventSink {
 public:
  /// If set before the first client comes: how what it may see is sent to it. By default at once.
  std::function<void(const std::shared_ptr<rpc::Connection>&, const DomainIdentity&, std::function<void()> send)>
      deliver;
  /// Callback style (procedure 316): the callback id, unique on the connection. `filter`: only this domain.
  int subscribe(const std::shared_ptr<rpc::Connection>& connection, int event_id, std::optional<base::Uuid> filter);
  /// Legacy style (105, 167): all domains, messages without callback id. Throws InternalError if there is one already.
  void subscribe_legacy(const std::shared_ptr<rpc::Connection>& connection, int event_id);
  /// Throw InternalError when there is no such registration.
  void unsubscribe(const rpc::Connection& connection, int callback_id);
  void unsubscribe_legacy(const rpc::Connection& connection, int event_id);
  void connection_closed(const rpc::Connection& connection);

  void publish(const DomainIdentity& domain, const Event& event) override;

 private:
  struct Subscription {
    std::weak_ptr<rpc::Connection> connection;
    std::uint64_t connection_id;
    int event_id;
    std::optional<int> callback_id;  // absent: legacy
    std::optional<base::Uuid> filter;
  };
  std::mutex mutex_;
  std::vector<Subscription> subscriptions_;
};

}  // namespace driver
