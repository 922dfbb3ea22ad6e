#include "container/lent_links.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "netlink/link.hpp"

namespace container {
namespace {

using base::Code;

constexpr const char* kRecordSuffix = ".link";

/// What is known of a link while it is away.
struct Record {
  std::string name;
  netlink::Mac mac{};
  int index = 0;  // inside; 0: it was on its way there
  std::string domain;
};

std::string place(const std::string& directory) {
  return directory + "/lent";
}
std::string record_path(const std::string& directory, const std::string& name) {
  return place(directory) + "/" + name + kRecordSuffix;
}
std::string namespace_path(const std::string& directory, const std::string& name) {
  return place(directory) + "/" + name + ".netns";
}

std::string format_record(const Record& record) {
  std::string mac;
  for (const unsigned byte : record.mac) mac += (mac.empty() ? "" : " ") + std::to_string(byte);
  return base::join("index ", record.index, "\nmac ", mac, "\ndomain ", record.domain, "\n");
}

/// nullopt for a file that was cut short by the end of an earlier daemon: its link had not gone yet.
std::optional<Record> parse_record(const std::string& name, const std::string& text) {
  Record record{.name = name};
  std::array<unsigned, 6> mac{};
  int domain_at = 0;
  const int found = std::sscanf(text.c_str(), "index %d\nmac %u %u %u %u %u %u\ndomain %n", &record.index, mac.data(),
                                &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &domain_at);
  if (found != 7 || domain_at == 0 || !text.ends_with('\n')) return std::nullopt;
  for (std::size_t i = 0; i < mac.size(); ++i) record.mac[i] = static_cast<std::uint8_t>(mac[i]);
  record.domain =
      text.substr(static_cast<std::size_t>(domain_at), text.size() - static_cast<std::size_t>(domain_at) - 1);
  return record;
}

void write_record(const std::string& directory, const Record& record, int flags) {
  const std::string path = record_path(directory, record.name), text = format_record(record);
  const base::Fd file = base::open_file(path, O_WRONLY | O_CREAT | O_NOFOLLOW | flags, 0600);
  base::write_all(file.get(), text.data(), text.size(), path);
}

std::optional<Record> read_record(const std::string& directory, const std::string& name) {
  const std::string path = record_path(directory, name);
  if (::access(path.c_str(), F_OK) != 0) return std::nullopt;
  return parse_record(name, base::read_file(path));
}

void keep_namespace(const std::string& path, int netns) {
  base::open_file(path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
  const std::string source = "/proc/self/fd/" + std::to_string(netns);
  if (::mount(source.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) < 0)
    base::fail_errno(Code::SystemError, "cannot keep a network namespace at '", path, "'");
}

/// Empty if it was never kept, or is not any more: after a boot the file lies there alone.
base::Fd open_namespace(const std::string& path) {
  base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct statfs info {};
  if (file && (::fstatfs(file.get(), &info) < 0 || info.f_type != NSFS_MAGIC)) file = {};
  return file;
}

void forget(const std::string& directory, const std::string& name) {
  const std::string kept = namespace_path(directory, name);
  ::umount2(kept.c_str(), MNT_DETACH);
  ::unlink(kept.c_str());
  ::unlink(record_path(directory, name).c_str());
}

/// Down first: many drivers take no new address while they are up.
void restore_mac(netlink::Socket& host, const std::string& name, const netlink::Mac& mac) {
  if (netlink::link_mac(host, name) == mac) return;
  netlink::set_link_up(host, name, false);
  netlink::set_link_mac(host, name, mac);
}

/// By its index, as the guest may have renamed it. 0: it is not there.
int find_inside(netlink::Socket& inside, const Record& record) {
  if (record.index == 0) return netlink::find_link(inside, record.name).value_or(0);
  return netlink::link_name(inside, record.index).empty() ? 0 : record.index;
}

/// Its own, unless somebody has taken it meanwhile: it must not be lost with its namespace for that.
std::string name_on_return(netlink::Socket& host, const std::string& name) {
  if (!netlink::find_link(host, name)) return name;
  const std::string other = name.substr(0, 10) + ".lent";
  base::log::warning("network device '{}' comes back as '{}', there is another one of its name", name, other);
  return other;
}

void bring_back(const std::string& directory, const Record& record) {
  netlink::Socket host;
  std::optional<netlink::Socket> inside;
  if (const base::Fd netns = open_namespace(namespace_path(directory, record.name)))
    inside = netlink::Socket::in(netns.get());
  const int index = inside ? find_inside(*inside, record) : 0;
  if (index == 0) {
    if (record.index == 0 && netlink::find_link(host, record.name)) return;  // it had not gone yet
    base::fail(Code::OperationFailed, "it is not in the container any more");
  }
  const std::string name = name_on_return(host, record.name);
  const base::Fd home = base::open_file("/proc/thread-self/ns/net", O_RDONLY);
  netlink::move_link(*inside, index, home.get(), name);
  restore_mac(host, name, record.mac);
}

/// The file's link has stayed, or is back: whoever wrote it was ended before it could say so.
bool is_stale(netlink::Socket& host, const std::string& name) {
  return netlink::find_link(host, name).has_value();
}

/// The record, with the index the link has on the host.
std::pair<Record, int> note(netlink::Socket& host, const Borrower& borrower, const std::string& name) {
  if (::mkdir(place(borrower.directory).c_str(), 0700) < 0 && errno != EEXIST)
    base::fail_errno(Code::SystemError, "cannot make directory '", place(borrower.directory), "'");
  const auto holder = read_record(borrower.directory, name);
  if (holder && !is_stale(host, name))
    base::fail(Code::OperationInvalid, "network device '", name, "' is in use by domain '", holder->domain, "'");
  const auto index = netlink::find_link(host, name);
  const auto mac = netlink::link_mac(host, name);
  if (!index || !mac) base::fail_errno_value(ENODEV, Code::SystemError, "cannot find network device '", name, "'");
  forget(borrower.directory, name);
  Record record{.name = name, .mac = *mac, .domain = borrower.domain};
  write_record(borrower.directory, record, O_EXCL);
  return {std::move(record), *index};
}

}  // namespace

LentLink LentLink::lend(netlink::Socket& host, netlink::Socket& inside, int netns, const Borrower& borrower,
                        const std::string& name) {
  if (netlink::find_link(inside, name))
    base::fail_errno_value(EEXIST, Code::SystemError, "the container has a network device '", name, "' already");
  auto [record, index] = note(host, borrower, name);
  LentLink lent(borrower.directory, name);  // from here on it is undone
  keep_namespace(namespace_path(borrower.directory, name), netns);
  netlink::move_link(host, index, netns, name);
  record.index = netlink::find_link(inside, name).value_or(0);
  write_record(borrower.directory, record, O_TRUNC);
  return lent;
}

LentLink::LentLink(LentLink&& other) noexcept
    : directory_(std::move(other.directory_)), name_(std::exchange(other.name_, {})) {}

LentLink& LentLink::operator=(LentLink&& other) noexcept {
  if (this == &other) return *this;
  const LentLink previous(std::move(*this));
  directory_ = std::move(other.directory_);
  name_ = std::exchange(other.name_, {});
  return *this;
}

LentLink::~LentLink() {
  if (!name_.empty()) return_lent_link(directory_, name_);
}

void return_lent_link(const std::string& directory, const std::string& name) noexcept {
  try {
    if (const auto record = read_record(directory, name)) bring_back(directory, *record);
  } catch (const std::exception& error) {
    base::log::warning("network device '{}' does not come back as it was: {}", name, error.what());
  }
  forget(directory, name);
}

void return_lent_links(const Borrower& borrower) noexcept {
  std::error_code error;
  for (std::filesystem::directory_iterator at(place(borrower.directory), error), end; !error && at != end;
       at.increment(error)) {
    const std::filesystem::path path = at->path();
    if (path.extension() != kRecordSuffix) continue;
    const std::string name = path.stem();
    try {
      const auto record = read_record(borrower.directory, name);
      if (record && record->domain == borrower.domain) return_lent_link(borrower.directory, name);
    } catch (const std::exception& problem) {
      base::log::warning("cannot read '{}': {}", path.string(), problem.what());
    }
  }
}

}  // namespace container
