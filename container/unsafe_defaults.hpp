// Where stock's dangerous defaults may be had back, one word each.
#pragma once

namespace container {

struct UnsafeDefaults {
  bool share_host_network = false;  // no <interface>: the host's network namespace
  bool share_host_root = false;     // no filesystem on "/": the host's root
  bool share_host_users = false;    // no <idmap>: no user namespace, and capabilities are the host's
};

}  // namespace container
