#include "container/lent_links.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "container/pci_links.hpp"
#include "netlink/link.hpp"

namespace container {
namespace {

using base::Code;

constexpr const char* kRecordSuffix = ".link";
constexpr const char* kNewSuffix = ".new";

/// What is known of a link while it is away.
struct LentRecord {
  std::string name;  // here
  std::string inside, pci_device;
  netlink::Mac mac{};
  unsigned mtu = 0;
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

std::string format_record(const LentRecord& record) {
  std::string mac;
  for (const unsigned byte : record.mac) mac += " " + std::to_string(byte);
  return base::join("index ", record.index, "\nmac", mac, "\nmtu ", record.mtu, "\ninside ", record.inside, "\npci ",
                    record.pci_device, "\ndomain ", record.domain, "\n");
}

/// nullopt for a file that was cut short by the end of an earlier daemon: its link had not gone yet.
std::optional<LentRecord> parse_record(const std::string& name, const std::string& text) {
  LentRecord record{.name = name, .inside = name};
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (lines.eof()) return std::nullopt;  // without its end
    std::istringstream words(line);
    std::string key;
    words >> key;
    if (key == "index") words >> record.index;
    if (key == "mtu") words >> record.mtu;
    if (key == "inside") words >> record.inside;
    if (key == "pci") words >> record.pci_device;
    for (unsigned byte = 0; std::uint8_t & place : record.mac)
      if (key == "mac" && words >> byte) place = static_cast<std::uint8_t>(byte);
    if (key == "domain") record.domain = line.substr(std::min(line.size(), key.size() + 1));
  }
  return record.domain.empty() ? std::nullopt : std::optional(record);
}

enum class Write { First, Over };

/// The second one replaces the first in one step: what it says may be needed at any instant.
void write_record(const std::string& directory, const LentRecord& record, Write how) {
  const std::string path = record_path(directory, record.name), text = format_record(record);
  const std::string written = how == Write::First ? path : path + kNewSuffix;
  {
    const int flags = how == Write::First ? O_EXCL : O_TRUNC;
    const base::Fd file = base::open_file(written, O_WRONLY | O_CREAT | O_NOFOLLOW | flags, 0600);
    base::write_all(file.get(), text.data(), text.size(), written);
  }
  if (how == Write::Over && ::rename(written.c_str(), path.c_str()) < 0)
    base::fail_errno(Code::SystemError, "cannot replace '", path, "'");
}

std::optional<LentRecord> read_record(const std::string& directory, const std::string& name) {
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
  ::unlink((record_path(directory, name) + kNewSuffix).c_str());
}

/// It is down: many drivers take no new address while they are up.
void set_mac_and_mtu(netlink::Socket& socket, const std::string& name, const netlink::Mac& mac, unsigned mtu) {
  if (netlink::link_mac(socket, name) != mac) netlink::set_link_mac(socket, name, mac);
  if (mtu != 0 && netlink::link_mtu(socket, name) != mtu) netlink::set_link_mtu(socket, name, mtu);
}

/// By its index, as the guest may have renamed it. 0: it is not there.
int find_inside(netlink::Socket& inside, const LentRecord& record) {
  if (record.index == 0) return netlink::find_link(inside, record.inside).value_or(0);
  return netlink::link_name(inside, record.index).empty() ? 0 : record.index;
}

/// Its own, unless somebody has taken it meanwhile: it must not be lost with its namespace for that.
std::string name_on_return(netlink::Socket& host, const std::string& name) {
  if (!netlink::find_link(host, name)) return name;
  const std::string other = name.substr(0, 10) + ".lent";
  base::log::warning("network device '{}' comes back as '{}', there is another one of its name", name, other);
  return other;
}

void bring_back(const std::string& directory, const LentRecord& record) {
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
  set_mac_and_mtu(host, name, record.mac, record.mtu);
}

/// The file's link has stayed, or is back: whoever wrote it was ended before it could say so.
bool is_stale(netlink::Socket& host, const std::string& name) {
  return netlink::find_link(host, name).has_value();
}

/// Every link that is on loan, to whomever.
std::vector<LentRecord> read_records(const std::string& directory) {
  std::vector<LentRecord> records;
  std::error_code error;
  for (std::filesystem::directory_iterator at(place(directory), error), end; !error && at != end; at.increment(error)) {
    const std::filesystem::path path = at->path();
    if (path.extension() != kRecordSuffix) continue;
    try {
      if (auto record = read_record(directory, path.stem())) records.push_back(*std::move(record));
    } catch (const std::exception& problem) {
      base::log::warning("cannot read '{}': {}", path.string(), problem.what());
    }
  }
  return records;
}

[[noreturn]] void fail_in_use(const std::string& what, const LentRecord& holder) {
  base::fail(Code::OperationInvalid, what, " is in use by domain '", holder.domain, "'");
}

std::string name_on_host(const std::string& directory, const LentPlan& plan) {
  if (!plan.link.empty()) return plan.link;
  const std::string name = link_of_pci_device(plan.pci_device), what = "PCI device '" + plan.pci_device + "'";
  if (!name.empty()) return name;
  for (const LentRecord& record : read_records(directory))
    if (record.pci_device == plan.pci_device) fail_in_use(what, record);
  base::fail_errno_value(ENODEV, Code::SystemError, what, " is no network device of this host");
}

/// The record, with the index the link has on the host.
std::pair<LentRecord, int> note(netlink::Socket& host, const Borrower& borrower, const LentPlan& plan) {
  const std::string& directory = borrower.directory;
  const std::string name = name_on_host(directory, plan);
  if (::mkdir(place(directory).c_str(), 0700) < 0 && errno != EEXIST)
    base::fail_errno(Code::SystemError, "cannot make directory '", place(directory), "'");
  const auto holder = read_record(directory, name);
  if (holder && !is_stale(host, name)) fail_in_use("network device '" + name + "'", *holder);
  const auto index = netlink::find_link(host, name);
  const auto mac = netlink::link_mac(host, name);
  const auto mtu = netlink::link_mtu(host, name);
  if (!index || !mac || !mtu)
    base::fail_errno_value(ENODEV, Code::SystemError, "cannot find network device '", name, "'");
  forget(directory, name);
  LentRecord record{name, plan.guest_name, plan.pci_device, *mac, *mtu, 0, borrower.domain};
  write_record(directory, record, Write::First);
  return {std::move(record), *index};
}

/// Back, or as far as it goes.
void return_link(const std::string& directory, const LentRecord& record) noexcept {
  try {
    bring_back(directory, record);
  } catch (const std::exception& error) {
    base::log::warning("network device '{}' does not come back as it was: {}", record.name, error.what());
  }
  forget(directory, record.name);
}

}  // namespace

LentLink LentLink::lend(netlink::Socket& host, netlink::Socket& inside, int netns, const Borrower& borrower,
                        const LentPlan& plan) {
  if (netlink::find_link(inside, plan.guest_name))
    base::fail_errno_value(EEXIST, Code::SystemError, "the container has a network device '", plan.guest_name,
                           "' already");
  auto [record, index] = note(host, borrower, plan);
  LentLink lent(borrower.directory, record.name);  // from here on it is undone
  keep_namespace(namespace_path(borrower.directory, record.name), netns);
  netlink::move_link(host, index, netns, plan.guest_name);
  record.index = netlink::find_link(inside, plan.guest_name).value_or(0);
  write_record(borrower.directory, record, Write::Over);
  set_mac_and_mtu(inside, plan.guest_name, plan.mac.value_or(record.mac), plan.mtu.value_or(0));
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
  if (name_.empty()) return;
  for (const LentRecord& record : read_records(directory_))
    if (record.name == name_) return_link(directory_, record);
}

void return_lent_links(const Borrower& borrower) noexcept {
  for (const LentRecord& record : read_records(borrower.directory))
    if (record.domain == borrower.domain) return_link(borrower.directory, record);
}

void return_lent_device(const Borrower& borrower, const std::string& pci_device) {
  for (const LentRecord& record : read_records(borrower.directory)) {
    if (record.domain != borrower.domain || record.pci_device != pci_device) continue;
    bring_back(borrower.directory, record);
    return forget(borrower.directory, record.name);
  }
  base::fail(Code::DeviceMissing, "domain '", borrower.domain, "' has no PCI device '", pci_device, "'");
}

}  // namespace container
