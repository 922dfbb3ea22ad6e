// The supervisor program as a template: one process that has done what every supervisor does first, of which each
// supervisor is a copy. A copy takes a tenth of what exec takes, and shares its pages with the others.
#pragma once

#include "container/channel.hpp"

namespace container {

/// Serves requests for copies, the first of which has been `received`, until the daemon is gone; returns in each copy,
/// whose control socket has the place of the template's and knows its pid then.
void serve_forks(Received& received);
/// In a copy: the daemon keeps it off the CPU on which it prepares what it is going to say, until that has come.
void go_to_any_cpu();

/// What ps shows after the program: `name`, as much of it as there was room left in the arguments of the template.
void show_name(int argument_count, char** arguments, const char* name);

}  // namespace container
