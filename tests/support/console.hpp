// A console as `virsh console` opens it: a non-blocking stream whose bytes are collected by the event loop thread.
#pragma once

#include <libvirt/libvirt.h>

#include <memory>
#include <string>

#include "support/deadline.hpp"
#include "support/result.hpp"

namespace support {

class Console {
 public:
  /// nullptr if the console cannot be opened; then `why` gets libvirt's error, which freeing the stream clears.
  static std::unique_ptr<Console> open(virDomainPtr domain, const char* alias = nullptr, unsigned flags = 0,
                                       Failure* why = nullptr);
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;
  /// Aborts the stream, as a viewer that goes away does.
  ~Console();

  std::string text() const;
  /// How much of it there is.
  std::size_t size() const;
  bool wait_for(const std::string& text, Milliseconds limit = patience()) const;
  void type(const std::string& keys);
  /// Waits until the other side has ended the stream, by finishing or by an error.
  bool wait_for_end(Milliseconds limit = patience()) const;

 private:
  struct State;
  explicit Console(virStreamPtr stream);
  std::shared_ptr<State> state_;
};

}  // namespace support
