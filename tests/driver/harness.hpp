// A whole daemon in this process: memory backend, a temporary root, its loop on a thread of its own, libvirt's client
// as peer.
#pragma once

#include <gtest/gtest.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "driver/daemon.hpp"
#include "driver/memory_backend.hpp"

namespace test {

class DaemonInProcess {
 public:
  DaemonInProcess();
  ~DaemonInProcess();
  /// Ends this daemon and starts another on the same root and world.
  void restart();
  virConnectPtr connect(bool read_only = false) const;
  const driver::Paths& paths() const { return paths_; }
  const rpc::ProcedureTable& table() const { return daemon_->table(); }
  MemoryBackend::World& world() { return *world_; }
  Guest& guest(virDomainPtr domain) { return *world_->guests.at(static_cast<int>(virDomainGetID(domain))); }

 private:
  void begin();
  void end();
  std::string root_;
  driver::Paths paths_;
  std::shared_ptr<MemoryBackend::World> world_ = std::make_shared<MemoryBackend::World>();
  std::unique_ptr<driver::Daemon> daemon_;
  std::thread thread_;
};

/// A test with a daemon and a connection to it; the domains it was given are freed at its end.
class DaemonFixture : public testing::Test {
 protected:
  void SetUp() override {
    virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
    conn_ = daemon_.connect();
    ASSERT_NE(conn_, nullptr) << virGetLastErrorMessage();
  }
  void TearDown() override {
    for (const virDomainPtr domain : domains_) virDomainFree(domain);
    if (conn_) virConnectClose(conn_);
  }
  virDomainPtr keep(virDomainPtr domain) {
    EXPECT_NE(domain, nullptr) << virGetLastErrorMessage();
    if (domain) domains_.push_back(domain);
    return domain;
  }
  virDomainPtr define(const std::string& xml) { return keep(virDomainDefineXML(conn_, xml.c_str())); }

  DaemonInProcess daemon_;
  virConnectPtr conn_ = nullptr;
  std::vector<virDomainPtr> domains_;
};

/// A small valid definition.
std::string domain_xml(const std::string& name, const std::string& more = "");

}  // namespace test
