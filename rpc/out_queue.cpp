#include "rpc/out_queue.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <type_traits>
#include <utility>

namespace rpc {
namespace {

constexpr std::size_t kMaxPieces = 64;

ssize_t send_message(int socket, const msghdr& message) {
  ssize_t sent;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

OutQueue::Result failure() {
  return errno == EAGAIN || errno == EWOULDBLOCK ? OutQueue::Result::Blocked : OutQueue::Result::Broken;
}

}  // namespace

void OutQueue::push(Item item) {
  unsent_ += item.bytes.size();
  items_.push_back(std::move(item));
}

void OutQueue::push(std::vector<Item> items) {
  static_assert(std::is_nothrow_move_constructible_v<Item>);
  std::size_t size = 0;
  for (const auto& item : items) size += item.bytes.size();
  items_.insert(items_.end(), std::make_move_iterator(items.begin()), std::make_move_iterator(items.end()));
  unsent_ += size;
}

void OutQueue::clear() {
  items_.clear();
  offset_ = fds_sent_ = unsent_ = 0;
}

OutQueue::Result OutQueue::flush(int socket, std::vector<std::weak_ptr<ClientStream>>& written) {
  while (!items_.empty()) {
    Item& first = items_.front();
    if (offset_ < first.bytes.size()) {
      if (const Result result = write_bytes(socket); result != Result::Done) return result;
    }
    while (!items_.empty() && offset_ >= items_.front().bytes.size()) {
      if (const Result result = write_fds(socket); result != Result::Done) return result;
      offset_ -= items_.front().bytes.size();
      fds_sent_ = 0;
      if (!items_.front().stream.expired()) written.push_back(items_.front().stream);
      items_.pop_front();
    }
  }
  return Result::Done;
}

// Stops after a packet with descriptors: their bytes come between it and the next packet.
OutQueue::Result OutQueue::write_bytes(int socket) {
  iovec pieces[kMaxPieces];
  std::size_t count = 0;
  for (auto item = items_.begin(); item != items_.end() && count < kMaxPieces; ++item) {
    const std::size_t skip = count == 0 ? offset_ : 0;
    pieces[count++] = {item->bytes.data() + skip, item->bytes.size() - skip};
    if (!item->fds.empty()) break;
  }
  msghdr message{};
  message.msg_iov = pieces;
  message.msg_iovlen = count;
  const ssize_t sent = send_message(socket, message);
  if (sent < 0) return failure();
  offset_ += static_cast<std::size_t>(sent);
  unsent_ -= static_cast<std::size_t>(sent);
  return Result::Done;
}

OutQueue::Result OutQueue::write_fds(int socket) {
  auto& fds = items_.front().fds;
  for (; fds_sent_ < fds.size(); ++fds_sent_) {
    char zero = 0;
    iovec piece{&zero, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = fds[fds_sent_].get();
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    if (send_message(socket, message) < 0) return failure();
    fds[fds_sent_].reset();
  }
  return Result::Done;
}

}  // namespace rpc
