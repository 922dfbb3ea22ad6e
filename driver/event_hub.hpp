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
  /// If set before the first client comes: false where an event may be sent at once, else `send_later` is called, not
  /// before this returns, if the client may see it.
  std::function<bool(const std::shared_ptr<rpc::Connection>&, const DomainIdentity&, std::function<void()> send_later)>
      ask_first;
  /// Callback style (procedure 316): the callback id, unique on the connection. `filter`: only this domain.
  int subscribe(const std::shared_ptr<rpc::Connection>& connection, int event_id, std::optional<base::Uuid> filter);
  /// Legacy style (105, 167): all domains, messages without callback id. Throws InternalError if there is one already.
  void subscribe_legacy(const std::shared_ptr<rpc::Connection>& connection, int event_id);
  /// Throw InternalError when there is no such registration. No event for it comes after the reply of the Inline
  /// handler that calls this.
  void unsubscribe(rpc::Connection& connection, int callback_id);
  void unsubscribe_legacy(rpc::Connection& connection, int event_id);
  void connection_closed(const rpc::Connection& connection);

  void publish(const DomainIdentity& domain, const Event& event) override;

 private:
  struct Subscription {
    std::uint64_t number;  // nobody else's ever
    std::weak_ptr<rpc::Connection> connection;
    std::uint64_t connection_id;
    int event_id;
    std::optional<int> callback_id;  // absent: legacy
    std::optional<base::Uuid> filter;
  };
  /// Those of the connection that are `which`; false if there are none.
  template <typename Which>
  bool remove(rpc::Connection& connection, const Which& which);
  bool is_there(std::uint64_t number) const;

  std::mutex mutex_;
  std::uint64_t next_number_ = 0;
  std::vector<Subscription> subscriptions_;
};

}  // namespace driver
