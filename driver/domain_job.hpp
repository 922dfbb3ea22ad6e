// The right to change one domain; private to Domain's own files.
#pragma once

#include "base/error.hpp"
#include "driver/domain.hpp"

namespace driver {

/// The right to change one domain. Waits for the job before; gives up with OperationTimeout.
class Domain::Job {
 public:
  explicit Job(Domain& domain) : domain_(domain) {
    std::unique_lock lock(domain_.mutex_);
    if (!domain_.job_free_.wait_for(lock, kLimit, [this] { return !domain_.job_taken_; }))
      base::fail(base::Code::OperationTimeout, "cannot change domain '", domain_.name_,
                 "': another job is still running");
    domain_.job_taken_ = true;
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
