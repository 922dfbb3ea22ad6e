// The supervisor program as a template: one process that has done what every supervisor does first, of which each
// supervisor is a copy. A copy takes a tenth of what exec takes, and shares its pages with the others.
#pragma once

#include "container/channel.hpp"

namespace container {

/// Serves requests for copies, the first of which has been `received`, until the daemon is gone; returns in each copy,
/// whose control socket has the place of the template's and knows its pid then. One without descriptors asks for
/// none, and comes first. What the next copy needs is made ahead once nothing has been asked for a while.
void serve_forks(Received& received);
/// Whom a message wakes starts on the CPU of who sent it, and has to wait there until that pauses. So who is going to
/// be told something keeps off that CPU: a copy off the daemon's, which sees to that itself, and a child off ours.
/// Without effect where there is no other CPU, or no template that knows them all.
void keep_off_our_cpu(pid_t child);
/// Once told, or once it runs where it was to begin.
void go_to_any_cpu();

/// What ps shows after the program: `name`, as much of it as there was room left in the arguments of the template.
void show_name(int argument_count, char** arguments, const char* name);

}  // namespace container
