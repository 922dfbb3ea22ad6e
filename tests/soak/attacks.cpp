#include "soak/attacks.hpp"

#include <libvirt/virterror.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <thread>

#include "base/fd.hpp"
#include "support/domain_xml.hpp"
#include "support/handles.hpp"

namespace soak {
namespace {

using support::Connection;
using support::Domain;
using support::Stream;
using Over = std::atomic<bool>;
using Clock = std::chrono::steady_clock;

base::Fd dial(const Victim& victim) {
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  victim.socket.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

Connection open(const Victim& victim) {
  return Connection(virConnectOpen(("lxcell:///system?socket=" + victim.socket).c_str()));
}

std::string words(std::initializer_list<unsigned> values) {
  std::string bytes;
  for (const unsigned value : values)
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

constexpr unsigned kRemote = 0x20008086, kOpen = 1, kDefine = 11, kHostname = 59, kRegisterAny = 316;

std::string call(unsigned procedure, unsigned serial, const std::string& payload = "") {
  return words({static_cast<unsigned>(28 + payload.size()), kRemote, 1, procedure, 0, serial, 0}) + payload;
}

/// CONNECT_OPEN of the default URI, read-write.
std::string open_call() {
  return call(kOpen, 0, words({0, 0}));
}

/// False when the other side has closed or nothing can be sent for a while.
bool post(const base::Fd& fd, const std::string& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    pollfd ready = {fd.get(), POLLOUT, 0};
    if (::poll(&ready, 1, 50) <= 0) return false;
    const ssize_t sent = ::send(fd.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent > 0) done += static_cast<std::size_t>(sent);
  }
  return true;
}

unsigned long half_open(const Victim& victim, const Over& over) {
  std::vector<base::Fd> many;
  for (int i = 0; i < 200; ++i) {
    many.push_back(dial(victim));
    post(many.back(), open_call().substr(0, static_cast<std::size_t>(i) % 28));
  }
  while (!over) ::poll(nullptr, 0, 5);
  return many.size();
}

unsigned long never_reading(const Victim& victim, const Over& over) {
  unsigned long calls = 0;
  while (!over) {
    const base::Fd fd = dial(victim);
    post(fd, open_call());
    for (unsigned serial = 1; !over && post(fd, call(kHostname, serial)); ++serial) ++calls;
    ::poll(nullptr, 0, 20);
  }
  return calls;
}

unsigned long never_reading_events(const Victim& victim, const Over& over) {
  std::vector<base::Fd> deaf;
  for (int i = 0; i < 20; ++i) {
    deaf.push_back(dial(victim));
    // Lifecycle events of all domains.
    post(deaf.back(), open_call() + call(kRegisterAny, 1, words({0, 0})));
  }
  support::DomainXml noise;
  noise.name = victim.domain + "-noise";
  const Connection connection = open(victim);
  unsigned long changes = 0;
  for (; !over; changes += 2) {
    const Domain one(virDomainDefineXML(connection, noise.text().c_str()));
    virDomainUndefine(one);
  }
  return changes;
}

unsigned long flooding(const Victim& victim, const Over& over) {
  unsigned long calls = 0;
  while (!over) {
    const base::Fd fd = dial(victim);
    post(fd, open_call());
    std::string burst;
    for (unsigned serial = 1; serial < 200; ++serial) burst += call(kHostname, serial);
    char answers[65536];
    for (; !over && post(fd, burst); calls += 199)
      while (::recv(fd.get(), answers, sizeof answers, MSG_DONTWAIT) > 0) {
      }
  }
  return calls;
}

unsigned long flooding_by_many(const Victim& victim, const Over& over) {
  struct One {
    base::Fd fd;
    std::size_t sent = 0;  // of the burst
  };
  std::string burst;
  for (unsigned serial = 1; serial < 200; ++serial) burst += call(kHostname, serial);
  std::vector<One> many;
  for (int i = 0; i < 100; ++i) {
    many.push_back({dial(victim)});
    post(many.back().fd, open_call());
  }
  unsigned long bursts = 0;
  char answers[65536];
  while (!over)
    for (auto& one : many) {
      const ssize_t sent =
          ::send(one.fd.get(), burst.data() + one.sent, burst.size() - one.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) one.sent += static_cast<std::size_t>(sent);
      if (one.sent == burst.size()) one.sent = 0, ++bursts;
      while (::recv(one.fd.get(), answers, sizeof answers, MSG_DONTWAIT) > 0) {
      }
    }
  return bursts * 199;
}

unsigned long large_documents(const Victim& victim, const Over& over) {
  // Four megabytes each, refused only when they are parsed.
  const std::string text = "<domain type='lxc'><description>" + std::string(4000000, 'x');
  const Connection connection = open(victim);
  unsigned long documents = 0;
  for (; !over; ++documents) virDomainDefineXML(connection, text.c_str());
  return documents;
}

unsigned long disconnecting(const Victim& victim, const Over& over) {
  unsigned long connections = 0;
  for (; !over; connections += 2) {
    {
      const base::Fd fd = dial(victim);
      post(fd,
           open_call() + call(kHostname, 1) + call(kDefine, 2, words({4}) + "<a/>") + call(kHostname, 3).substr(0, 17));
    }
    const Connection connection = open(victim);
    const Domain domain(connection ? virDomainLookupByName(connection, victim.domain.c_str()) : nullptr);
    const Stream stream(domain ? virStreamNew(connection, VIR_STREAM_NONBLOCK) : nullptr);
    if (stream && virDomainOpenConsole(domain, nullptr, stream, VIR_DOMAIN_CONSOLE_FORCE) == 0)
      virStreamSend(stream, "hello\n", 6);
  }
  return connections;
}

// No faster than what is asked for: 10,000 a second by both threads.
unsigned long connecting(const Victim& victim, const Over& over) {
  const auto begin = Clock::now();
  unsigned long connects = 0;
  while (!over) {
    dial(victim);
    ++connects;
    const auto due = begin + std::chrono::microseconds(200) * static_cast<long>(connects);
    if (due > Clock::now() + std::chrono::milliseconds(2)) ::poll(nullptr, 0, 1);
  }
  return connects;
}

}  // namespace

const std::vector<Attack>& attacks() {
  static const std::vector<Attack> all = {
      {"HalfOpen", "half-open clients", 1, half_open},
      {"NeverReading", "clients that never read", 2, never_reading},
      {"NeverReadingEvents", "clients that never read events", 1, never_reading_events},
      {"Flooding", "clients that flood", 2, flooding},
      {"FloodingByMany", "a hundred clients that flood", 1, flooding_by_many},
      {"LargeCalls", "clients that send large documents", 1, large_documents},
      {"DisconnectingInTheMiddle", "clients that disconnect mid-call and mid-stream", 2, disconnecting},
      {"TenThousandConnectsASecond", "connects as fast as they come", 2, connecting},
  };
  return all;
}

const Attack& find_attack(const std::string& name) {
  const auto found = std::ranges::find(attacks(), name, &Attack::name);
  if (found == attacks().end()) throw std::runtime_error("no attack is called '" + name + "'");
  return *found;
}

int run_attack(const Attack& attack, const Victim& victim) {
  virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
  std::signal(SIGPIPE, SIG_IGN);
  std::atomic<bool> over = false;
  std::atomic<unsigned long> done = 0;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < attack.threads; ++i) threads.emplace_back([&] { done += attack.run(victim, over); });
  std::printf("begun\n");
  std::fflush(stdout);
  char byte;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  over = true;
  for (auto& thread : threads) thread.join();
  std::printf("%lu\n", done.load());
  return 0;
}

}  // namespace soak
