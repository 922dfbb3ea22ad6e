// What waits to be written to one client: packets in order, each followed by its descriptors. Never blocks.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.hpp"

namespace rpc {

class ClientStream;

class OutQueue {
 public:
  struct Item {
    std::string bytes;
    std::vector<base::Fd> fds;
    std::weak_ptr<ClientStream> stream;  // is told when its data packet has been written
  };
  enum class Result { Done, Blocked, Broken };

  void push(Item item);
  /// All of them or, where there is no memory, none.
  void push(std::vector<Item> items);
  /// Writes as much as the socket takes, many packets in one sendmsg(2). Streams whose packet went out join `written`.
  Result flush(int socket, std::vector<std::weak_ptr<ClientStream>>& written);
  std::size_t unsent() const { return unsent_; }
  bool empty() const { return items_.empty(); }
  void clear();

 private:
  Result write_bytes(int socket);
  Result write_fds(int socket);

  std::deque<Item> items_;
  std::size_t offset_ = 0;    // written bytes of the first item
  std::size_t fds_sent_ = 0;  // passed descriptors of the first item
  std::size_t unsent_ = 0;
};

}  // namespace rpc
