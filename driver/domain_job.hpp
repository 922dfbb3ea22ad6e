// The right to change one domain; private to Domain's own files.
#pragma once

#include <optional>

#include "base/activity.hpp"
#include "base/error.hpp"
#include "driver/domain.hpp"
#include "rpc/worker_pool.hpp"

namespace driver {

/// The right to change one domain. Waits for the job before; gives up with OperationTimeout. NoDomain when the domain
/// is no more by then, unless the caller has a way to go on.
class Domain::Job {
 public:
  enum class IfGone { Fail, GoOn };
  explicit Job(Domain& domain, IfGone if_gone = IfGone::Fail) : domain_(domain) {
    base::note_domain(domain_.name_, domain_.uuid_);
    std::unique_lock lock(domain_.mutex_);
    std::optional<rpc::WorkerPool::Waiting> waiting;
    if (domain_.job_taken_) waiting.emplace();
    if (!domain_.job_free_.wait_for(lock, kLimit, [this] { return !domain_.job_taken_; }))
      base::fail(base::Code::OperationTimeout, "cannot change domain '", domain_.name_,
                 "': another job is still running");
    if (domain_.gone_ && if_gone == IfGone::Fail) {
      domain_.job_free_.notify_one();  // this wake-up was for whoever waits next
      base::fail(base::Code::NoDomain, "domain '", domain_.name_, "' has just been removed");
    }
    domain_.job_taken_ = true;
    domain_.job_taken_at_ = std::chrono::steady_clock::now();
    domain_.job_of_ = base::own_activity();
  }
  ~Job() {
    {
      const std::scoped_lock lock(domain_.mutex_);
      domain_.job_taken_ = false;
    }
    domain_.job_free_.notify_one();
  }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

 private:
  static constexpr std::chrono::seconds kLimit{30};
  Domain& domain_;
};

}  // namespace driver
