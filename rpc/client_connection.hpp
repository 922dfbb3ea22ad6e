// The Connection that talks over a socket. All work happens inside a Turn: a stretch on the loop thread at whose end
// input is taken as far as the quotas allow, output is written at once, and what died is destroyed.
#pragma once

#include <atomic>
#include <ctime>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "rpc/client_log.hpp"
#include "rpc/client_stream.hpp"
#include "rpc/dispatch.hpp"
#include "rpc/keepalive.hpp"
#include "rpc/out_queue.hpp"
#include "rpc/relays.hpp"
#include "rpc/server.hpp"
#include "rpc/worker_pool.hpp"

namespace rpc {

class ClientConnection;

/// What a connection needs of its server.
struct ConnectionHost {
  base::EventLoop& loop;
  const ProcedureTable& table;
  const ServerLimits& limits;
  std::vector<char> read_buffer;
  const Guard& guard;
  ClientLog& log;
  std::function<void(Priority, std::uint64_t client, std::function<void()>)> submit;
  /// Brings a worker's result to the loop thread. Any thread.
  std::function<void(std::function<void()>)> complete;
  std::function<void(ClientConnection&)> on_authenticated;
  std::function<void(ClientConnection&)> on_gone;
};

class ClientConnection final : public Connection, private StreamOwner, private RelayClient {
 public:
  ClientConnection(ConnectionHost& host, base::Fd socket, std::uint64_t id, PeerCredentials peer, SocketAccess access);

  /// Begins to watch the socket. Who is still anonymous after the server's time for it is dropped.
  void start();
  /// Drops the client. `reason` empty: it left by itself.
  void close(const std::string& reason);

  ClientFacts facts() const;

  std::uint64_t id() const override { return id_; }
  const PeerCredentials& peer() const override { return peer_; }
  const PeerCredentials& subject() const override { return subject_; }
  void speak_for(const PeerCredentials& subject) override { subject_ = subject; }
  bool read_only() const override { return read_only_; }
  bool is_open() const override { return open_; }
  void mark_open(bool read_only) override;
  bool authenticated() const override { return authenticated_; }
  void mark_authenticated() override;
  void start_keepalive() override;
  void drop(const std::string& reason) override;
  void log(base::log::Level level, const std::string& line, const char* source = __builtin_FILE()) override {
    host_.log.write(level, peer_.pid, line, source);
  }
  void send_event(std::uint32_t program, std::int32_t procedure, Encoder body) override;
  void flush_events() override;

 private:
  class Turn;
  struct PendingCall;

  std::shared_ptr<ClientConnection> self();
  void settle();
  void settle_guarded() noexcept;
  /// A Turn of its own, soon.
  void schedule();
  /// The same, after everybody who is ready now, and one client after another.
  void wait_for_turn();
  void take_scheduled_turn();
  /// Runs `work` on the loop thread unless the client is gone by then. Any thread.
  void on_loop(std::function<void()> work);
  /// Closes at the end of the turn: where closing at once would pull the ground from under the caller.
  void drop_soon(const std::string& reason);

  void on_socket(std::uint32_t events);
  void receive();
  void process_input();
  bool can_take_input() const;
  std::size_t max_packet_bytes() const;
  void on_packet(Packet& packet);
  void on_keepalive_packet(const PacketHeader& header);
  void on_stream_packet(const Packet& packet);

  void on_call(Packet& packet);
  void ask_guard(const std::shared_ptr<PendingCall>& pending);
  void run(const std::shared_ptr<PendingCall>& pending);
  bool relay(const Packet& call, const ProcedureTable::Entry& entry);
  void finish_call(PendingCall& pending, const Outcome& outcome);
  void send_reply(PendingCall& pending, const Outcome& outcome);
  void open_stream(PendingCall& pending);

  void flush();
  void update_watch();
  void end();

  bool falls_behind() const;
  template <typename Output>
  void put_out(Output output);
  void queue(OutQueue::Item item) override;
  void queue_all(std::vector<OutQueue::Item> items);
  void wake() override {
    if (turns_ == 0) schedule();
  }
  void take_slot() override { ++slots_used_; }
  void release_slots(std::size_t count) override { slots_used_ -= count; }
  void retire(std::uint32_t serial) override;

  void deliver(std::string packet) override { queue({std::move(packet), {}, {}}); }
  void deliver_reply(const PacketHeader& call, NetMessageStatus status, std::string_view payload) override;
  void answer_alone(const PacketHeader& call) override;
  bool has_room() const override;

  ConnectionHost& host_;
  base::Fd socket_;
  const std::uint64_t id_;
  const std::int64_t since_ = std::time(nullptr);
  const PeerCredentials peer_;
  PeerCredentials subject_ = peer_;
  const bool read_only_socket_;
  std::atomic<bool> read_only_;
  std::atomic<bool> open_ = false;
  std::atomic<bool> authenticated_ = false;

  base::Watch watch_;
  base::Watch time_to_authenticate_;
  std::uint32_t watched_events_ = 0;
  PacketReader reader_;
  OutQueue out_;
  std::vector<std::weak_ptr<ClientStream>> written_;  // to be told that their packet went out
  Keepalive keepalive_;
  std::map<std::uint32_t, std::shared_ptr<ClientStream>> streams_;  // by serial
  std::vector<std::shared_ptr<ClientStream>> retired_;
  Relays relays_;

  std::size_t slots_used_ = 0;  // calls on workers and at other daemons, and unconsumed stream packets
  unsigned running_calls_ = 0;
  unsigned turns_ = 0;  // nesting of Turn
  bool scheduled_ = false;
  bool input_held_ = false;  // complete packets may wait in reader_, for a slot or their turn
  bool leaving_ = false;     // CONNECT_CLOSE was answered: close when everything is written
  std::string drop_reason_;
  bool closed_ = false;
  bool ended_ = false;

  std::mutex remote_mutex_;          // guards what other threads touch:
  bool reachable_ = true;            // false once closed; host_ may then be gone
  std::vector<std::string> events_;  // packets in the order they were sent
};

/// Keeps the connection alive while it works, and settles it when the outermost one ends.
class ClientConnection::Turn {
 public:
  explicit Turn(ClientConnection& connection) : connection_(connection.self()) { ++connection_->turns_; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (connection_->turns_ == 1) connection_->settle_guarded();
    --connection_->turns_;
  }

 private:
  std::shared_ptr<ClientConnection> connection_;
};

}  // namespace rpc
