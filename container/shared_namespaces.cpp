#include "container/shared_namespaces.hpp"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"

namespace container {
namespace {

using base::Code;
using domain_xml::SharedNamespace;

struct Kind {
  int type;          // CLONE_NEW*
  const char* file;  // below /proc/PID/ns
};

bool is_of(const base::Fd& file, const Kind& kind) {
  return ::ioctl(file.get(), NS_GET_NSTYPE) == kind.type;
}

base::Fd of_domain(const std::string& domain, const Kind& kind, const FindNamespaces& find) {
  auto all = find(domain);
  const auto found = std::find_if(all.begin(), all.end(), [&](const base::Fd& one) { return is_of(one, kind); });
  if (found == all.end())
    base::fail(Code::OperationInvalid, "domain '", domain, "' has no namespace of kind '", kind.file, "'");
  return std::move(*found);
}

base::Fd of_process(const std::string& pid, const Kind& kind) {
  if (pid.empty() || pid.find_first_not_of("0123456789") != pid.npos)
    base::fail(Code::ConfigUnsupported, "'", pid, "' is no process to share a namespace with");
  base::Fd file(::open(("/proc/" + pid + "/ns/" + kind.file).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) base::fail_errno(Code::OperationInvalid, "cannot share namespace '", kind.file, "' with process ", pid);
  return file;
}

/// As ip-netns(8) makes them.
base::Fd of_name(const std::string& name, const Kind& kind) {
  if (kind.type != CLONE_NEWNET)
    base::fail(Code::ConfigUnsupported, "only network namespaces have names, namespace '", kind.file, "' of '", name,
               "' cannot be shared by one");
  const std::string path = "/run/netns/" + name;
  if (name.empty() || name.find('/') != name.npos || name == "." || name == "..")
    base::fail(Code::ConfigUnsupported, "invalid name of a network namespace '", name, "'");
  base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) base::fail_errno(Code::SystemError, "cannot open network namespace '", path, "'");
  if (!is_of(file, kind)) base::fail(Code::SystemError, "'", path, "' is no network namespace");
  return file;
}

base::Fd open_shared(const SharedNamespace& shared, const Kind& kind, const FindNamespaces& find) {
  switch (shared.from) {
    case SharedNamespace::From::Name:
      return of_domain(shared.value, kind, find);
    case SharedNamespace::From::Pid:
      return of_process(shared.value, kind);
    case SharedNamespace::From::Netns:
      return of_name(shared.value, kind);
  }
  return {};
}

}  // namespace

std::vector<base::Fd> open_shared_namespaces(const domain_xml::DomainDefinition& definition,
                                             const FindNamespaces& find) {
  std::vector<base::Fd> opened;
  if (definition.shared_net) opened.push_back(open_shared(*definition.shared_net, {CLONE_NEWNET, "net"}, find));
  if (definition.shared_ipc) opened.push_back(open_shared(*definition.shared_ipc, {CLONE_NEWIPC, "ipc"}, find));
  if (definition.shared_uts) opened.push_back(open_shared(*definition.shared_uts, {CLONE_NEWUTS, "uts"}, find));
  return opened;
}

bool is_own_namespace(int name_space, const char* kind) {
  struct stat theirs {
  }, ours{};
  if (::fstat(name_space, &theirs) < 0 || ::stat(base::join("/proc/thread-self/ns/", kind).c_str(), &ours) < 0)
    base::fail_errno(Code::SystemError, "cannot look at the container's ", kind, " namespace");
  return theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
}

}  // namespace container
