#include "soak/faults/disk_model.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

#include "support/scratch.hpp"

namespace faults {
namespace {

namespace fs = std::filesystem;

std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

}  // namespace

std::vector<DiskChange> changes_of(const SystemCall& call, const std::string& root) {
  const auto text = [&](int argument) { return text_at(call.thread, call.arguments[argument]); };
  const auto file = [&] { return file_of(call.thread, static_cast<int>(call.arguments[0])); };
  const auto bytes = [&] { return bytes_at(call.thread, call.arguments[1], call.arguments[2]); };
  std::vector<DiskChange> changes;
  const auto add = [&](std::string path, auto what) {
    if (path.starts_with(root + "/")) changes.push_back({std::move(path), std::move(what)});
  };
  switch (call.number) {
    case SYS_openat:
      if (call.arguments[2] & O_CREAT) add(text(1), DiskChange::Make{(call.arguments[2] & O_TRUNC) != 0});
      break;
    case SYS_write:
      add(file(), DiskChange::Append{bytes()});
      break;
    case SYS_pwrite64:
      add(file(), DiskChange::Write{call.arguments[3], bytes()});
      break;
    case SYS_fsync:
    case SYS_fdatasync:
      add(file(), DiskChange::Sync{});
      break;
#ifdef SYS_rename
    case SYS_rename:
      add(text(0), DiskChange::Rename{text(1)});
      break;
    case SYS_unlink:
      add(text(0), DiskChange::Remove{});
      break;
    case SYS_symlink:
      add(text(1), DiskChange::Link{text(0)});
      break;
#endif
    case SYS_renameat:
    case SYS_renameat2:
      add(text(1), DiskChange::Rename{text(3)});
      break;
    case SYS_unlinkat:
      add(text(1), DiskChange::Remove{});
      break;
    case SYS_symlinkat:
      add(text(2), DiskChange::Link{text(0)});
      break;
    default:
      break;
  }
  return changes;
}

DiskModel::DiskModel(const std::string& root, const std::vector<std::string>& folders) : root_(root) {
  for (const auto& folder : folders)
    for (const auto& entry : fs::recursive_directory_iterator(root + "/" + folder)) {
      auto node = std::make_shared<Node>();
      if (entry.is_symlink())
        node->link = fs::read_symlink(entry.path());
      else if (entry.is_regular_file())
        node->now = node->safe = support::read_text(entry.path());
      else
        continue;
      now_[entry.path()] = node;
    }
  safe_ = now_;
}

void DiskModel::apply(const DiskChange& change) {
  const std::string& path = change.path;
  const auto found = now_.find(path);
  last_written_ = nullptr;  // what comes after a write finds it whole
  if (std::holds_alternative<DiskChange::Make>(change.what)) {
    if (found == now_.end())
      now_[path] = std::make_shared<Node>();
    else if (std::get<DiskChange::Make>(change.what).empty)
      found->second->now.clear();
  } else if (const auto* link = std::get_if<DiskChange::Link>(&change.what)) {
    if (found == now_.end()) now_[path] = std::make_shared<Node>(Node{.link = link->target});
  } else if (std::holds_alternative<DiskChange::Sync>(change.what) && found == now_.end()) {  // a directory
    const auto inside = [&](const auto& entry) { return folder_of(entry.first) == path; };
    std::erase_if(safe_, inside);
    for (const auto& entry : now_)
      if (inside(entry)) safe_.insert(entry);
  } else if (found != now_.end()) {
    Node& node = *found->second;
    if (const auto* more = std::get_if<DiskChange::Append>(&change.what)) {
      node.last_at = node.now.size();
      node.last_size = more->bytes.size();
      node.now += more->bytes;
      last_written_ = &node;
    } else if (const auto* write = std::get_if<DiskChange::Write>(&change.what)) {
      node.now.resize(std::max(node.now.size(), write->offset + write->bytes.size()));
      node.now.replace(write->offset, write->bytes.size(), write->bytes);
      node.safe = node.now;
      node.last_at = write->offset;
      node.last_size = write->bytes.size();
      last_written_ = &node;
    } else if (std::holds_alternative<DiskChange::Sync>(change.what)) {
      node.safe = node.now;
    } else if (const auto* rename = std::get_if<DiskChange::Rename>(&change.what)) {
      const auto moved = found->second;
      now_.erase(found);
      now_[rename->to] = moved;
    } else {
      now_.erase(found);
    }
  }
}

const DiskModel::Names& DiskModel::names(Kept kept) const {
  return kept == Kept::Nothing || kept == Kept::DataOnly ? safe_ : now_;
}

std::string DiskModel::bytes(const Node& node, Kept kept) const {
  if (kept == Kept::Nothing || kept == Kept::NamesOnly) return node.safe;
  std::string bytes = node.now;
  if (kept == Kept::HalfOfLastWrite && &node == last_written_) {
    const std::size_t lost = node.last_size - node.last_size / 2;
    const std::size_t from = node.last_at + node.last_size / 2;
    if (from + lost <= bytes.size()) bytes.replace(from, lost, lost, '\0');
  }
  return bytes;
}

void DiskModel::write(const std::string& folder, Kept kept) const {
  for (const auto& [path, node] : names(kept)) {
    const std::string place = folder + path.substr(root_.size());
    fs::create_directories(folder_of(place));
    if (!node->link.empty())
      fs::create_symlink(node->link, place);
    else
      support::write_text(place, bytes(*node, kept), 0600);
  }
}

std::string DiskModel::fingerprint(Kept kept) const {
  std::string all;
  for (const auto& [path, node] : names(kept))
    all += path + '\0' + node->link + std::to_string(std::hash<std::string>()(bytes(*node, kept))) + '\0';
  return all;
}

}  // namespace faults
