#include "container/child_records.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "container/failure.hpp"
#include "container/mount_target.hpp"
#include "container/supervisor_protocol.hpp"

namespace container {
namespace {

int socket_to_supervisor = -1;

template <std::size_t Size>
void copy_text(char (&to)[Size], const char* from) {
  std::strncpy(to, from, Size - 1);
  to[Size - 1] = 0;
}

void report_failure(const char* step, const char* object, int error) {
  send_record(Record::Failed, step, object, error);
  _exit(1);
}

void report_created(void*, const char* path) {
  send_record(Record::Created, "", path, 0);
}

}  // namespace

void report_to_supervisor(int socket) {
  socket_to_supervisor = socket;
  set_failure_sink(report_failure);
  set_created_sink({report_created});
}

int supervisor_socket() {
  return socket_to_supervisor;
}

void supervisor_socket_moved(int socket) {
  socket_to_supervisor = socket;
}

void send_record(Record kind, const char* step, const char* object, int error, const int* fds, int fd_count) {
  static ChildRecord record;
  record.record = kind;
  record.error = error;
  copy_text(record.step, step);
  copy_text(record.object, object);
  const std::size_t size = offsetof(ChildRecord, object) + std::strlen(record.object) + 1;
  if (send_packet(socket_to_supervisor, &record, size, fds, fd_count, 0)) return;
  if (kind != Record::Failed && errno != EPIPE) give_up("tell the supervisor", "");
  _exit(kind == Record::Failed ? protocol::exit_status_of(error) : 1);
}

const Received& wait_for(int socket, char word) {
  static Received received;
  char got = 0;
  receive_packet(socket, &got, 1, received, 0);
  if (received.size < 0) give_up(socket == socket_to_supervisor ? "hear from the supervisor" : "prepare init", "");
  if (received.size != 1 || got != word) _exit(1);
  return received;
}

void tie_to_supervisor(const char* name) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) give_up("tie to supervisor", name);
  // It may have died just before; its pid cannot tell from inside a new pid namespace, its end of the socket can.
  char nothing;
  if (recv(socket_to_supervisor, &nothing, 1, MSG_DONTWAIT | MSG_PEEK) == 0) _exit(1);
}

}  // namespace container
