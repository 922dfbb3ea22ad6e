// A client that speaks packets and nothing else, and a server in a thread for it to speak to.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/event_loop.hpp"
#include "rpc/packet.hpp"
#include "rpc/server.hpp"

namespace rpc_test {

struct Received {
  rpc::PacketHeader header;
  std::string payload;
  std::vector<base::Fd> fds;
};

template <typename T>
std::string encoded(const T& value) {
  rpc::Encoder out;
  value.encode(out);
  return out.take();
}

template <typename T>
T decoded(const std::string& bytes) {
  rpc::Decoder in(bytes);
  T value;
  value.decode(in);
  return value;
}

class RawClient {
 public:
  explicit RawClient(base::Fd socket);
  /// To the socket at `path`. Throws SystemError.
  static RawClient connect(const std::string& path);

  void send_bytes(std::string_view bytes);
  /// A byte with a descriptor, as they follow packets that announce them.
  void send_fd(int fd);
  void send(const rpc::PacketHeader& header, std::string_view payload = {}, std::size_t fd_count = 0);

  /// A CALL with the next serial, which is returned.
  template <typename P>
  std::uint32_t call(const typename P::Args& args = {}) {
    send(call_header(P::kProgram, P::kNumber), encoded(args));
    return serial_++;
  }
  template <typename P>
  typename P::Ret ask(const typename P::Args& args = {}) {
    const auto serial = call<P>(args);
    auto reply = expect();
    if (reply.header.serial != serial || !reply.header.is(rpc::NetMessageStatus::Ok))
      throw std::runtime_error("no good reply to " + std::to_string(P::kNumber) + ": " + error_text(reply));
    return decoded<typename P::Ret>(reply.payload);
  }
  void open(bool read_only = false);
  rpc::PacketHeader call_header(std::uint32_t program, std::int32_t procedure) const;

  /// The next packet; nullopt when the server closed the connection. Throws after five seconds of silence.
  std::optional<Received> receive();
  Received expect();
  rpc::NetMessageError expect_error();
  bool closed_by_server() { return !receive(); }
  bool silent_for(std::chrono::milliseconds time);
  static std::string error_text(const Received& reply);

  int fd() const { return socket_.get(); }
  void disconnect() { socket_.reset(); }

 private:
  base::Fd socket_;
  rpc::PacketReader reader_;
  std::uint32_t serial_ = 0;
};

/// Declare it after everything its handlers refer to: they may run until it is destroyed.
class TestServer {
 public:
  explicit TestServer(rpc::ServerLimits limits = {});
  ~TestServer();

  /// Handlers are added before start().
  rpc::ProcedureTable table;
  bool authenticate = true;
  std::function<void(rpc::Connection&)> on_connection;
  rpc::Guard guard;

  void start();
  /// Runs on the loop thread and waits for it.
  void on_loop(const std::function<void()>& work);
  rpc::Server& server() { return *server_; }
  base::EventLoop& loop() { return loop_; }

  RawClient connect(rpc::SocketAccess access = rpc::SocketAccess::ReadWrite);
  RawClient connect_open() {
    RawClient client = connect();
    client.open();
    return client;
  }

 private:
  std::string path(rpc::SocketAccess access) const;

  rpc::ServerLimits limits_;
  std::string folder_;
  base::EventLoop loop_;
  std::unique_ptr<rpc::Server> server_;
  std::thread thread_;
};

/// Lets handlers wait until the test says so.
class Gate {
 public:
  void open() { promise_.set_value(); }
  void wait() const { future_.wait(); }

 private:
  std::promise<void> promise_;
  std::shared_future<void> future_ = promise_.get_future().share();
};

/// CONNECT_GET_HOSTNAME answers "here".
void add_hostname(TestServer& server, rpc::Run where = rpc::Run::Inline);

/// Waits until `condition` holds, five seconds at most.
bool eventually(const std::function<bool()>& condition);

}  // namespace rpc_test
