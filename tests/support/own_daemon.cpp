#include "support/own_daemon.hpp"

namespace support {

void OwnDaemonTest::begin(std::unique_ptr<Daemon> daemon) {
  daemon_ = daemon ? std::move(daemon) : std::make_unique<Daemon>(make_folder(word_));
  daemon_->start();
  connect();
}

void OwnDaemonTest::TearDown() {
  if (!daemon_) return;
  if (!daemon_->running()) daemon_->start();
  connection_.reset();
  daemon_->destroy_domains();
  for (const auto& left : wait_for_no_traces(own_name(word_), daemon_->state_folder()))
    ADD_FAILURE() << "left: " << left;
  EXPECT_EQ(daemon_->stop(), 0);
}

void OwnDaemonTest::connect() {
  connection_ = Connection(virConnectOpen(daemon_->uri().c_str()));
  ASSERT_TRUE(connection_) << describe(last_failure());
}

void OwnDaemonTest::crash_and_restart() {
  connection_.reset();
  daemon_->kill();
  daemon_->start();
  connect();
}

}  // namespace support
