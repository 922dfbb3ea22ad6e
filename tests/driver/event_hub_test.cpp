// Who has taken a registration back hears no more of it, whatever was on its way.
#include "driver/event_hub.hpp"

#include <gtest/gtest.h>
#include <libvirt/libvirt.h>

namespace test {
namespace {

using namespace driver;

/// Counts what is sent to it.
class Listener final : public rpc::Connection {
 public:
  std::uint64_t id() const override { return 1; }
  const rpc::PeerCredentials& peer() const override { return peer_; }
  const rpc::PeerCredentials& subject() const override { return peer_; }
  void speak_for(const rpc::PeerCredentials&) override {}
  bool read_only() const override { return false; }
  bool is_open() const override { return true; }
  void mark_open(bool) override {}
  bool authenticated() const override { return true; }
  void mark_authenticated() override {}
  void start_keepalive() override {}
  void log(base::log::Level, const std::string&, const char*) override {}
  void drop(const std::string&) override {}
  void send_event(std::uint32_t, std::int32_t, rpc::Encoder) override { ++sent; }
  void flush_events() override { ++flushed; }

  int sent = 0, flushed = 0;

 private:
  rpc::PeerCredentials peer_;
};

class EventHubTest : public testing::Test {
 protected:
  void publish() {
    hub_.publish({"web", {}, 1}, LifecycleEvent{VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED});
  }
  /// As polkit decides: later.
  void let_all_be_asked_about() {
    hub_.ask_first = [this](const auto&, const auto&, auto send_later) {
      waiting_.push_back(std::move(send_later));
      return true;
    };
  }
  void answer_all() {
    for (const auto& send : std::exchange(waiting_, {})) send();
  }

  EventHub hub_;
  std::shared_ptr<Listener> client_ = std::make_shared<Listener>();
  std::vector<std::function<void()>> waiting_;
};

TEST_F(EventHubTest, WhatMayBeSeenIsSentLater) {
  let_all_be_asked_about();
  hub_.subscribe(client_, VIR_DOMAIN_EVENT_ID_LIFECYCLE, std::nullopt);
  hub_.subscribe_legacy(client_, VIR_DOMAIN_EVENT_ID_LIFECYCLE);
  publish();
  EXPECT_EQ(client_->sent, 0);
  answer_all();
  EXPECT_EQ(client_->sent, 2);
}

TEST_F(EventHubTest, NothingComesForARegistrationTakenBackMeanwhile) {
  let_all_be_asked_about();
  const int callback = hub_.subscribe(client_, VIR_DOMAIN_EVENT_ID_LIFECYCLE, std::nullopt);
  hub_.subscribe_legacy(client_, VIR_DOMAIN_EVENT_ID_LIFECYCLE);
  publish();
  hub_.unsubscribe(*client_, callback);
  hub_.unsubscribe_legacy(*client_, VIR_DOMAIN_EVENT_ID_LIFECYCLE);
  EXPECT_EQ(client_->flushed, 2);
  // Another of the same number is not the one that was taken back.
  EXPECT_EQ(hub_.subscribe(client_, VIR_DOMAIN_EVENT_ID_LIFECYCLE, std::nullopt), callback);
  answer_all();
  EXPECT_EQ(client_->sent, 0);
  publish();
  answer_all();
  EXPECT_EQ(client_->sent, 1);
}

TEST_F(EventHubTest, WhereNobodyIsAskedItIsSentAtOnce) {
  hub_.ask_first = [](const auto&, const auto&, const auto&) { return false; };
  hub_.subscribe(client_, VIR_DOMAIN_EVENT_ID_LIFECYCLE, std::nullopt);
  publish();
  EXPECT_EQ(client_->sent, 1);
}

}  // namespace
}  // namespace test
