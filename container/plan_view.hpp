// A plan as the supervisor reads it: straight from the mapped bytes, without copying or allocating. The order of the
// fields on the wire is written down once, in plan_fields(); plan_codec writes and reads values through the same
// function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "container/plan.hpp"

namespace container {

constexpr std::uint32_t kPlanMagic = 0x7063786c;  // "lxcp"
constexpr std::uint32_t kPlanVersion = 7;         // daemon and supervisor come from one build: equal or refused

struct Bytes {
  const unsigned char* data = nullptr;
  std::uint32_t size = 0;
};

/// `count` encoded items that Reader has already checked; iterating decodes them one by one.
template <typename View>
class Items {
 public:
  class Iterator;
  Items() = default;
  Items(const unsigned char* data, std::size_t size, std::uint32_t count) : data_(data), size_(size), count_(count) {}
  std::uint32_t size() const { return count_; }
  Iterator begin() const;
  Iterator end() const { return {}; }

 private:
  const unsigned char* data_ = nullptr;
  std::size_t size_ = 0;
  std::uint32_t count_ = 0;
};

// The same members as the structs of plan.hpp; texts are NUL-terminated inside the mapped plan.
struct MountView {
  MountKind kind;
  const char *source, *target, *fstype, *options;
  std::uint64_t attributes;
  CreateTarget create;
  bool recursive, optional, idmapped, detachable;
};

struct NodeView {
  const char* path;
  char type;
  std::uint32_t major, minor, mode;
};

struct LinkView {
  const char *path, *target;
};

struct ConsoleLogView {
  const char* file;
  bool append;
};

struct OwnViewView {
  bool served;
  const char* memory_directory;
  std::uint32_t memory_version;
  const char* cpuset_directory;
  const char* cpu_directory;
  std::uint32_t cpu_version;
  const char* io_directory;
  std::uint32_t io_version;
  const char* tasks_directory;
};

struct MemoryPolicyView {
  std::uint32_t mode;
  Bytes nodes;
};

struct InitView {
  const char* path;
  Items<const char*> arguments, environment;
  const char *directory, *user, *group;
};

struct PlanView {
  const char *name, *hostname;
  std::uint64_t namespaces;
  const char *uid_map, *gid_map;
  std::uint32_t root_uid, root_gid;
  const char* root_source;
  bool root_readonly, root_idmapped, root_overlay;
  const char *overlay_directory, *overlay_options;
  Items<MountView> mounts;
  const char* dev_options;
  Items<NodeView> nodes;
  Items<LinkView> links;
  std::uint32_t consoles;
  const char* devpts_options;
  bool wait_for_network, loopback_up;
  CapabilitySets capabilities;
  bool no_new_privs;
  Bytes seccomp;
  bool personality_32bit;
  Items<ResourceLimit> resource_limits;
  OwnViewView own_view;
  InitView init;
  MemoryPolicyView memory_policy;
  const char *security_file, *security_label;
  Items<ConsoleLogView> console_logs;
  const char* root_image;
};

template <typename T>
concept TextLike = std::is_convertible_v<const T&, const char*> || requires(const T& t) {
  t.c_str();
};
template <typename T>
concept MountLike = requires(const T& t) {
  t.fstype;
};
template <typename T>
concept NodeLike = requires(const T& t) {
  t.major;
};
template <typename T>
concept LimitLike = requires(const T& t) {
  t.resource;
};
template <typename T>
concept LogLike = requires(const T& t) {
  t.append;
}
&&!TextLike<T>;
template <typename T>
concept LinkLike = requires(const T& t) {
  t.path, t.target;
}
&&!MountLike<T>;

template <typename Io, TextLike Text>
void fields(Io& io, Text& text) {
  io.text(text);
}

template <typename Io, MountLike Mount>
void fields(Io& io, Mount& mount) {
  io.choice(mount.kind, MountKind::Image);
  io.text(mount.source);
  io.text(mount.target);
  io.text(mount.fstype);
  io.text(mount.options);
  io.number(mount.attributes);
  io.choice(mount.create, CreateTarget::File);
  io.flag(mount.recursive);
  io.flag(mount.optional);
  io.flag(mount.idmapped);
  io.flag(mount.detachable);
}

template <typename Io, NodeLike Node>
void fields(Io& io, Node& node) {
  io.text(node.path);
  io.number(node.type);
  io.number(node.major);
  io.number(node.minor);
  io.number(node.mode);
}

template <typename Io, LogLike Log>
void fields(Io& io, Log& log) {
  io.text(log.file);
  io.flag(log.append);
}

template <typename Io, LinkLike Link>
void fields(Io& io, Link& link) {
  io.text(link.path);
  io.text(link.target);
}

template <typename Io, LimitLike Limit>
void fields(Io& io, Limit& limit) {
  io.number(limit.resource);
  io.number(limit.soft);
  io.number(limit.hard);
}

template <typename Io, typename Plan>
void plan_fields(Io& io, Plan& plan) {
  io.text(plan.name);
  io.text(plan.hostname);
  io.number(plan.namespaces);
  io.text(plan.uid_map);
  io.text(plan.gid_map);
  io.number(plan.root_uid);
  io.number(plan.root_gid);
  io.text(plan.root_source);
  io.flag(plan.root_readonly);
  io.flag(plan.root_idmapped);
  io.flag(plan.root_overlay);
  io.text(plan.overlay_directory);
  io.text(plan.overlay_options);
  io.list(plan.mounts);
  io.text(plan.dev_options);
  io.list(plan.nodes);
  io.list(plan.links);
  io.number(plan.consoles);
  io.text(plan.devpts_options);
  io.flag(plan.wait_for_network);
  io.flag(plan.loopback_up);
  io.number(plan.capabilities.bounding);
  io.number(plan.capabilities.inheritable);
  io.number(plan.capabilities.ambient);
  io.flag(plan.no_new_privs);
  io.bytes(plan.seccomp);
  io.flag(plan.personality_32bit);
  io.list(plan.resource_limits);
  io.flag(plan.own_view.served);
  io.text(plan.own_view.memory_directory);
  io.number(plan.own_view.memory_version);
  io.text(plan.own_view.cpuset_directory);
  io.text(plan.own_view.cpu_directory);
  io.number(plan.own_view.cpu_version);
  io.text(plan.own_view.io_directory);
  io.number(plan.own_view.io_version);
  io.text(plan.own_view.tasks_directory);
  io.text(plan.init.path);
  io.list(plan.init.arguments);
  io.list(plan.init.environment);
  io.text(plan.init.directory);
  io.text(plan.init.user);
  io.text(plan.init.group);
  io.number(plan.memory_policy.mode);
  io.bytes(plan.memory_policy.nodes);
  io.text(plan.security_file);
  io.text(plan.security_label);
  io.list(plan.console_logs);
  io.text(plan.root_image);
}

/// Bounded reader; the first bad byte makes it fail for good, and everything read from then on is empty.
class Reader {
 public:
  Reader(const unsigned char* data, std::size_t size) : at_(data), end_(data + size) {}
  bool failed() const { return failed_; }
  bool at_end() const { return at_ == end_; }

  template <typename Number>
  void number(Number& value) {
    value = {};
    if (const unsigned char* from = take(sizeof value)) std::memcpy(&value, from, sizeof value);
  }
  void flag(bool& value);
  template <typename Choice>
  void choice(Choice& value, Choice last) {
    std::uint8_t raw = 0;
    number(raw);
    if (raw > static_cast<std::uint8_t>(last)) fail();
    value = failed_ ? Choice{} : static_cast<Choice>(raw);
  }
  void text(const char*& value);
  void bytes(Bytes& value);
  template <typename View>
  void list(Items<View>& value) {
    std::uint32_t count = 0;
    number(count);
    const unsigned char* start = at_;
    for (std::uint32_t i = 0; i < count && !failed_; i++) {
      View item;
      fields(*this, item);
    }
    value = failed_ ? Items<View>{} : Items<View>(start, static_cast<std::size_t>(at_ - start), count);
  }

 protected:
  const unsigned char* take(std::size_t size);
  void fail() { failed_ = true; }

 private:
  const unsigned char* at_;
  const unsigned char* end_;
  bool failed_ = false;
};

template <typename View>
class Items<View>::Iterator {
 public:
  Iterator() : reader_(nullptr, 0) {}
  Iterator(const unsigned char* data, std::size_t size, std::uint32_t count) : reader_(data, size), left_(count) {
    read();
  }
  const View& operator*() const { return item_; }
  Iterator& operator++() {
    left_--;
    read();
    return *this;
  }
  bool operator==(const Iterator& other) const { return left_ == other.left_; }

 private:
  void read() {
    if (left_ > 0) fields(reader_, item_);
  }
  Reader reader_;
  std::uint32_t left_ = 0;
  View item_{};
};

template <typename View>
typename Items<View>::Iterator Items<View>::begin() const {
  return Iterator(data_, size_, count_);
}

/// False unless the bytes are exactly one plan; `plan` then points into them.
bool view_plan(const unsigned char* data, std::size_t size, PlanView& plan);

}  // namespace container
