#include "rpc/raw_client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <future>
#include <stdexcept>

#include "base/error.hpp"

namespace rpc_test {
namespace {

using namespace std::chrono_literals;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

base::Fd unix_socket() {
  return base::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

}  // namespace

RawClient RawClient::connect(const std::string& path) {
  base::Fd socket = unix_socket();
  const sockaddr_un address = address_of(path);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    base::fail_errno(base::Code::SystemError, "cannot connect to '", path, "'");
  return RawClient(std::move(socket));
}

RawClient::RawClient(base::Fd socket) : socket_(std::move(socket)) {}

void RawClient::send_bytes(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) throw std::runtime_error(std::string("send: ") + std::strerror(errno));
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void RawClient::send_fd(int fd) {
  char byte = 0;
  iovec piece{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  if (::sendmsg(socket_.get(), &message, MSG_NOSIGNAL) != 1) throw std::runtime_error("cannot send a descriptor");
}

void RawClient::send(const rpc::PacketHeader& header, std::string_view payload, std::size_t fd_count) {
  send_bytes(rpc::format_packet(header, payload, fd_count));
}

rpc::PacketHeader RawClient::call_header(std::uint32_t program, std::int32_t procedure) const {
  rpc::PacketHeader header;
  header.program = program;
  header.procedure = procedure;
  header.serial = serial_;
  return header;
}

void RawClient::open(bool read_only) {
  ask<rpc::proc::ConnectOpen>({.name = "lxcell:///system", .flags = read_only ? 1u : 0u});
}

std::optional<Received> RawClient::receive() {
  rpc::Packet packet;
  while (!reader_.next(packet)) {
    pollfd ready{socket_.get(), POLLIN, 0};
    if (::poll(&ready, 1, 5000) != 1) throw std::runtime_error("the server is silent");
    char bytes[65536];
    iovec piece{bytes, sizeof bytes};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
    if (got <= 0) return std::nullopt;
    base::Fd fd;
    if (const cmsghdr* rights = CMSG_FIRSTHDR(&message)) {
      int raw;
      std::memcpy(&raw, CMSG_DATA(rights), sizeof raw);
      fd = base::Fd(raw);
    }
    reader_.feed({bytes, static_cast<std::size_t>(got)}, std::move(fd));
  }
  return Received{packet.header, std::string(packet.payload), std::move(packet.fds)};
}

Received RawClient::expect() {
  auto received = receive();
  if (!received) throw std::runtime_error("the server closed the connection");
  return std::move(*received);
}

rpc::NetMessageError RawClient::expect_error() {
  const Received reply = expect();
  if (!reply.header.is(rpc::NetMessageStatus::Error)) throw std::runtime_error("the reply is not an error");
  return decoded<rpc::NetMessageError>(reply.payload);
}

std::string RawClient::error_text(const Received& reply) {
  if (!reply.header.is(rpc::NetMessageStatus::Error)) return "no error, serial " + std::to_string(reply.header.serial);
  return decoded<rpc::NetMessageError>(reply.payload).message.value_or("");
}

bool RawClient::silent_for(std::chrono::milliseconds time) {
  if (reader_.buffered() > 0) return false;
  pollfd ready{socket_.get(), POLLIN, 0};
  return ::poll(&ready, 1, static_cast<int>(time.count())) == 0;
}

TestServer::TestServer(rpc::ServerLimits limits) : limits_(limits) {
  char folder[] = "/tmp/rpc-test-XXXXXX";
  if (!::mkdtemp(folder)) base::fail_errno(base::Code::SystemError, "mkdtemp");
  folder_ = folder;
  table.on<rpc::proc::ConnectOpen>(rpc::Run::Inline, [](rpc::Call& call, const rpc::ConnectOpenArgs& args) {
    call.connection->mark_open((args.flags & 1) != 0);
    return rpc::Nothing{};
  });
}

TestServer::~TestServer() {
  if (thread_.joinable()) {
    on_loop([this] { server_->shut_down(); });
    loop_.stop();
    thread_.join();
  }
  server_.reset();
  std::filesystem::remove_all(folder_);
}

std::string TestServer::path(rpc::SocketAccess access) const {
  return folder_ + (access == rpc::SocketAccess::ReadOnly ? "/sock-ro" : "/sock");
}

void TestServer::start() {
  server_ = std::make_unique<rpc::Server>(loop_, table, limits_);
  server_->guard = guard;
  server_->on_connection = [this](rpc::Connection& connection) {
    if (authenticate) connection.mark_authenticated();
    if (on_connection) on_connection(connection);
  };
  for (const auto access : {rpc::SocketAccess::ReadWrite, rpc::SocketAccess::ReadOnly}) {
    base::Fd socket = unix_socket();
    const sockaddr_un address = address_of(path(access));
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ||
        ::listen(socket.get(), 64) < 0)
      base::fail_errno(base::Code::SystemError, "cannot listen");
    server_->listen(std::move(socket), access);
  }
  thread_ = std::thread([this] { loop_.run(); });
}

void TestServer::on_loop(const std::function<void()>& work) {
  std::promise<void> done;
  loop_.post([&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

RawClient TestServer::connect(rpc::SocketAccess access) {
  return RawClient::connect(path(access));
}

void add_hostname(TestServer& server, rpc::Run where) {
  server.table.on<rpc::proc::ConnectGetHostname>(
      where, [](rpc::Call&, const rpc::Nothing&) { return rpc::ConnectGetHostnameRet{"here"}; });
}

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 500; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

}  // namespace rpc_test
