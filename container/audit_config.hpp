// When audit records are written.
#pragma once

namespace container {

struct AuditConfig {
  unsigned level = 0;    // 0 never, 1 where this host audits, 2 it must
  bool logging = false;  // to our log too
};

}  // namespace container
