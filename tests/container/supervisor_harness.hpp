// Spawns the built lxcell-supervisor with a hand-made plan and plays the daemon's part of the protocol. Needs root.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "container/plan.hpp"
#include "container/supervisor_protocol.hpp"

namespace container::test {

using namespace std::chrono_literals;

/// A busybox image in a temporary directory of its own.
class Image {
 public:
  Image();
  ~Image();
  Image(const Image&) = delete;
  std::string path(const std::string& inside = "") const { return (directory_ / "root").string() + inside; }
  std::string beside(const std::string& name) const { return (directory_ / name).string(); }
  /// The whole tree belongs to this host id from now on.
  void chown_to(unsigned id) const;

 private:
  std::filesystem::path directory_;
};

struct Message {
  protocol::Type type{};
  protocol::StatusMessage status{};
  protocol::FailedMessage failed{};
  std::vector<base::Fd> fds;
};

/// A plan that runs `script` with busybox's shell in all namespaces and the usual dozen mounts.
ContainerPlan shell_plan(const Image& image, const std::string& script);

class Supervisor {
 public:
  explicit Supervisor(const Image& image);
  ~Supervisor();  // kills it, and with it the container

  /// `attach`: says that the cgroups are complete, for which the mounts wait.
  void start(const ContainerPlan& plan, bool attach = true);
  void start_bytes(const std::string& bytes, bool attach = true);
  pid_t pid() const { return pid_; }
  base::Fd& control() { return control_; }

  /// Next message; fails the test (and returns type 0) after a few seconds or at end of file.
  Message receive();
  Message receive(protocol::Type expected);
  bool at_end_of_file();
  void send(protocol::Type type, std::uint32_t number = 0, int fd = -1);
  /// Closes the control connection and makes a new one through the listening socket.
  void reconnect();
  void drop_connection() { control_.reset(); }
  /// Our end of a new viewer of console `index`.
  base::Fd open_console(std::uint32_t index = 0, int buffer_size = 0);
  /// Waits until the supervisor has ended; its wait status.
  std::optional<int> wait_end();
  /// Waits for Exited, releases the supervisor, and gives the container's wait status.
  int finish();
  /// The whole life in one: starts, reads all console output, releases. `status` gets the wait status.
  std::string run(const ContainerPlan& plan, int* status = nullptr);
  /// Starts a plan that must not come up; checks that nothing is left and gives what was reported.
  protocol::FailedMessage fail(const ContainerPlan& plan);
  std::string log() const;

 private:
  std::string directory_;
  base::Fd control_, listener_;
  pid_t pid_ = -1;
};

/// Reads until `wanted` appears in the text read so far, end of file, or a few seconds have passed.
std::string read_until(int fd, const std::string& wanted);
std::string read_to_end(int fd);
void write_text(int fd, const std::string& text);
std::string read_text(const std::string& path);
void write_file(const std::string& path, const std::string& text);

class SupervisorTest : public ::testing::Test {
 protected:
  void SetUp() override;
  Image image;
};

}  // namespace container::test
