#include "support/bus_proxy.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>
#include <utility>

#include "support/deadline.hpp"
#include "support/scratch.hpp"

namespace support {
namespace {

constexpr int kLookAround = 20;  // milliseconds until cut() is noticed

sockaddr_un bus_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

base::Fd stream_socket() {
  return base::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

}  // namespace

BusProxy::BusProxy(std::string bus)
    : bus_(std::move(bus)), path_(make_folder("bus") + "/socket"), door_(stream_socket()) {
  const sockaddr_un address = bus_address(path_);
  if (::bind(door_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ||
      ::listen(door_.get(), 8) < 0)
    throw std::runtime_error("cannot listen on " + path_);
  thread_ = std::thread([this] { run(); });
}

BusProxy::~BusProxy() {
  over_ = true;
  thread_.join();
}

void BusProxy::cut_at(const std::string& word) {
  const std::scoped_lock lock(mutex_);
  word_ = word;
  was_cut_ = false;
}

void BusProxy::cut() {
  cut_all_ = true;
  eventually([&] { return !cut_all_; });
}

void BusProxy::run() {
  while (!over_) {
    std::vector<pollfd> ready{{door_.get(), POLLIN, 0}};
    for (const auto& pair : pairs_) {
      ready.push_back({pair.client.get(), POLLIN, 0});
      ready.push_back({pair.bus.get(), POLLIN, 0});
    }
    const int count = ::poll(ready.data(), ready.size(), kLookAround);
    if (cut_all_) pairs_.clear();
    if (cut_all_.exchange(false) || count <= 0) continue;
    std::erase_if(pairs_, [&](Pair& pair) { return !serve(pair); });
    if (ready[0].revents != 0) admit();
  }
}

void BusProxy::admit() {
  Pair pair{base::Fd(::accept4(door_.get(), nullptr, nullptr, SOCK_CLOEXEC)), stream_socket(), {}};
  const sockaddr_un address = bus_address(bus_);
  if (pair.client && ::connect(pair.bus.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    pairs_.push_back(std::move(pair));
}

/// What there is; false when either side has gone.
bool BusProxy::pass(const base::Fd& from, const base::Fd& to, std::string& bytes) const {
  char buffer[65536];
  bytes.clear();
  const ssize_t got = ::recv(from.get(), buffer, sizeof buffer, MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN;
  if (got == 0) return false;
  bytes.assign(buffer, static_cast<std::size_t>(got));
  return ::send(to.get(), buffer, static_cast<std::size_t>(got), MSG_NOSIGNAL) == got;
}

bool BusProxy::serve(Pair& pair) {
  std::string bytes;
  if (!pass(pair.client, pair.bus, bytes)) return false;
  sent_ += bytes.size();
  pair.last += bytes;
  {
    const std::scoped_lock lock(mutex_);
    if (!word_.empty() && pair.last.find(word_) != std::string::npos) {
      word_.clear();
      was_cut_ = true;
      return false;
    }
  }
  if (pair.last.size() > 4096) pair.last.erase(0, pair.last.size() - 1024);
  return pass(pair.bus, pair.client, bytes);
}

}  // namespace support
