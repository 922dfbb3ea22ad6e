// Slow and hostile clients: what a well-behaved one waits for its answers beside them, and that nothing of them stays.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <functional>
#include <thread>

#include "base/fd.hpp"
#include "soak/figures.hpp"
#include "soak/settings.hpp"
#include "support/fixture.hpp"

namespace soak {
namespace {

using namespace support;

base::Fd dial() {
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  host().socket(Access::ReadWrite).copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

std::string words(std::initializer_list<unsigned> values) {
  std::string bytes;
  for (const unsigned value : values)
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

constexpr unsigned kRemote = 0x20008086, kOpen = 1, kHostname = 59, kRegisterAny = 316;

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

struct Latency {
  double median = 0, worst_of_99 = 0;
  std::size_t calls = 0;
};

class HostileClients : public SystemTest {
 protected:
  HostileClients() : domain_(create(xml("victim", root_))) {}

  Latency measure(std::chrono::milliseconds time) const {
    std::vector<double> each;
    const auto end = Clock::now() + time;
    while (Clock::now() < end) {
      virDomainInfo info;
      int answer = -1;
      each.push_back(milliseconds_of([&] { answer = virDomainGetInfo(domain_, &info); }));
      EXPECT_EQ(answer, 0) << describe(last_failure());
      if (answer != 0) break;
      // As a tool that polls: the next call does not find the daemon still warm from the last.
      ::poll(nullptr, 0, 1);
    }
    std::ranges::sort(each);
    return {each.at(each.size() / 2), each.at(each.size() * 99 / 100), each.size()};
  }

  /// `attack` runs on `threads` threads until it is told that it is over. What the attackers compute is not the
  /// daemon's doing: the same work against a socket that nobody serves well is not to be had, so they run at the lowest
  /// priority.
  void expect_unharmed(const std::string& name, unsigned threads,
                       const std::function<void(const std::atomic<bool>&)>& attack) {
    const auto time = std::chrono::milliseconds(settings().attack_seconds * 1000);
    const Latency first = measure(time);
    const Figures before = figures();  // after that, for a container's memory is watched only once it runs for a while
    // Others' work on the same machine comes and goes: what is wrong here is so each time.
    bool unharmed = false;
    for (int attempt = 0; attempt < 3 && !unharmed; ++attempt) {
      const Latency alone = attempt == 0 ? first : measure(time);
      std::atomic<bool> over = false;
      std::vector<std::thread> attackers;
      for (unsigned i = 0; i < threads; ++i)
        attackers.emplace_back([&] {
          if (::nice(19) < 0) return;
          attack(over);
        });
      const Latency beside = measure(time);
      over = true;
      for (auto& attacker : attackers) attacker.join();
      char line[240];
      std::snprintf(line, sizeof line,
                    "%s: p50 %.3f ms alone, %.3f ms beside; p99 %.3f ms alone, %.3f ms beside; %zu and %zu calls",
                    name.c_str(), alone.median, beside.median, alone.worst_of_99, beside.worst_of_99, alone.calls,
                    beside.calls);
      report(line);
      // At most doubled, and a clock tick of the scheduler's for the shorter ones.
      unharmed = beside.median <= 2 * alone.median + 1 * time_scale() &&
                 beside.worst_of_99 <= 2 * alone.worst_of_99 + 8 * time_scale();
    }
    EXPECT_TRUE(unharmed) << name;
    ASSERT_TRUE(host().daemon()->running()) << host().daemon()->output();
    expect_no_leak(before, name, 32768);
  }

  const Rootfs root_;
  const Domain domain_;
};

TEST_F(HostileClients, HalfOpen) {
  expect_unharmed("half-open clients", 1, [](const std::atomic<bool>& over) {
    std::vector<base::Fd> many;
    for (int i = 0; i < 200; ++i) {
      many.push_back(dial());
      post(many.back(), open_call().substr(0, static_cast<std::size_t>(i) % 28));
    }
    while (!over) ::poll(nullptr, 0, 5);
  });
}

TEST_F(HostileClients, NeverReading) {
  expect_unharmed("clients that never read", 2, [](const std::atomic<bool>& over) {
    while (!over) {
      const base::Fd fd = dial();
      post(fd, open_call());
      for (unsigned serial = 1; !over && post(fd, call(kHostname, serial)); ++serial) {
      }
      ::poll(nullptr, 0, 20);
    }
  });
}

TEST_F(HostileClients, NeverReadingEvents) {
  DomainXml noise;
  noise.name = own_name("noise");
  expect_unharmed("clients that never read events", 1, [&](const std::atomic<bool>& over) {
    std::vector<base::Fd> deaf;
    for (int i = 0; i < 20; ++i) {
      deaf.push_back(dial());
      // Lifecycle events of all domains.
      post(deaf.back(), open_call() + call(kRegisterAny, 1, words({0, 0})));
    }
    const Connection connection = host().connect();
    while (!over) {
      const Domain one(virDomainDefineXML(connection, noise.text().c_str()));
      virDomainUndefine(one);
    }
  });
}

TEST_F(HostileClients, Flooding) {
  expect_unharmed("clients that flood", 2, [](const std::atomic<bool>& over) {
    while (!over) {
      const base::Fd fd = dial();
      post(fd, open_call());
      std::string burst;
      for (unsigned serial = 1; serial < 200; ++serial) burst += call(kHostname, serial);
      char answers[65536];
      while (!over && post(fd, burst))
        while (::recv(fd.get(), answers, sizeof answers, MSG_DONTWAIT) > 0) {
        }
    }
  });
}

TEST_F(HostileClients, LargeCalls) {
  // Four megabytes of a document each, refused only when they are parsed.
  const std::string text = "<domain type='lxc'><description>" + std::string(4000000, 'x');
  expect_unharmed("clients that send large documents", 1, [&](const std::atomic<bool>& over) {
    const Connection connection = host().connect();
    while (!over) virDomainDefineXML(connection, text.c_str());
  });
}

TEST_F(HostileClients, DisconnectingInTheMiddle) {
  expect_unharmed("clients that disconnect mid-call and mid-stream", 2, [&](const std::atomic<bool>& over) {
    const std::string victim = virDomainGetName(domain_);
    while (!over) {
      {
        const base::Fd fd = dial();
        post(fd,
             open_call() + call(kHostname, 1) + call(11, 2, words({4}) + "<a/>") + call(kHostname, 3).substr(0, 17));
      }
      const Connection connection(virConnectOpen(host().uri().c_str()));
      const Domain domain(connection ? virDomainLookupByName(connection, victim.c_str()) : nullptr);
      const Stream stream(domain ? virStreamNew(connection, VIR_STREAM_NONBLOCK) : nullptr);
      if (stream && virDomainOpenConsole(domain, nullptr, stream, VIR_DOMAIN_CONSOLE_FORCE) == 0)
        virStreamSend(stream, "hello\n", 6);
    }
  });
}

TEST_F(HostileClients, TenThousandConnectsASecond) {
  std::atomic<unsigned long> connects = 0;
  expect_unharmed("connects as fast as they come", 2, [&](const std::atomic<bool>& over) {
    // No faster than what is asked for: 10,000 a second by both threads.
    const auto begin = Clock::now();
    for (unsigned long mine = 0; !over; ++mine) {
      dial();
      ++connects;
      const auto due = begin + std::chrono::microseconds(200) * static_cast<long>(mine);
      if (due > Clock::now() + std::chrono::milliseconds(2)) ::poll(nullptr, 0, 1);
    }
  });
  report(std::to_string(connects / settings().attack_seconds) + " connects a second");
}

}  // namespace
}  // namespace soak
