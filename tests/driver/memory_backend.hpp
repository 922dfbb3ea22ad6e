// A backend whose guests live in memory: no root, no kernel. It shows that the seam holds and lets tests script what a
// guest does.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/event_loop.hpp"
#include "container/given_devices.hpp"
#include "driver/backend.hpp"

namespace test {

/// One guest's world, shared by the handles that daemons have on it: it survives them as a real container does.
struct Guest {
  int id = 0;
  std::string name;
  bool frozen = false;
  bool has_initctl = false;
  container::InitKind init_kind = container::InitKind::Plain;
  std::optional<container::ExitRecord> exit;
  std::vector<int> signals;
  std::string runlevels;
  cgroup::Limits limits;  // in force
  std::string supervisor_cpus;
  bool refuse_limits = false;
  cgroup::Usage usage{.cpu_ns = 5, .memory_bytes = 4096};
  std::vector<domain_xml::Interface> interfaces;    // as they run
  std::vector<container::GivenDevice> given;        // disks and host devices
  std::vector<domain_xml::Filesystem> filesystems;  // once they have changed
  std::vector<container::GuestLink> links_inside;
  std::optional<container::Traffic> traffic_inside;  // of its links that have no end on the host
  std::string hostname = "inside";
  container::GuestFiles files;
  std::vector<container::GuestMount> file_systems;
  std::map<std::string, std::string> passwords;
  unsigned links_made = 0;
  bool refuse_links = false;
  void require_obedient() const;
  /// As it runs: its end on the host is "vnetID-N".
  domain_xml::Interface add(domain_xml::Interface interface);
  bool just_ended = false;  // its files are gone, which nobody has noticed yet
  std::atomic<int> kept_files_closed = 0;
};

class MemoryBackend : public driver::Backend {
 public:
  /// Guests outlive the backend in `world`, so that a second daemon can adopt them.
  struct World {
    std::mutex mutex;
    std::map<int, std::shared_ptr<Guest>> guests;
    int next_id = 1000;
    std::set<std::string> refuse;           // names that fail to start
    std::set<std::string> refuse_to_adopt;  // or to be found again, as long as they are in it
    unsigned starts = 0;
    std::vector<container::Neighbor> neighbors;
    container::TrafficByLink traffic;  // guest 1000's first interface is "vnet1000-0"
  };
  MemoryBackend(base::EventLoop& loop, std::shared_ptr<World> world) : loop_(loop), world_(std::move(world)) {}

  std::string type() const override { return "LXC"; }
  unsigned long version() const override { return 6001000; }
  domain_xml::HostCapabilities capabilities() const override;
  std::string security_model() const override { return "none"; }
  Started start(const domain_xml::DomainDefinition& definition, const container::StartSteps& steps,
                const std::vector<base::Fd>& given) override;
  std::unique_ptr<container::Running> adopt(const domain_xml::DomainDefinition& live,
                                            const container::RunningFacts& facts) override;
  std::vector<container::Neighbor> neighbors() const override { return world_->neighbors; }
  std::optional<container::LostState> find_lost(const domain_xml::DomainDefinition& definition) const override;
  container::TrafficByLink traffic() const override;
  std::optional<container::Traffic> traffic(const std::string& link) const override;

 private:
  base::EventLoop& loop_;
  std::shared_ptr<World> world_;
};

/// Ends the guest as if its init had ended like this. Whoever watches it is told on the loop.
void end_guest(MemoryBackend::World& world, int id, container::ExitRecord exit);

}  // namespace test
