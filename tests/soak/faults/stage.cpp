#include "soak/faults/stage.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "support/inside.hpp"

namespace faults {

namespace fs = std::filesystem;
using namespace support;

namespace {

/// Echoes, ends on TERM, and does what a file asks for: "reboot", "poweroff", or the code of its end.
const char* const kInit = R"(trap 'exit 0' TERM
stty -echo
: > /ready
(while :; do
  if [ -e /go ]; then order=$(cat /go); rm -f /go; case $order in reboot) reboot -n -f ;; poweroff) poweroff -n -f ;; *) kill -TERM 1 ;; esac; fi
  usleep 5000
done) < /dev/null > /dev/null 2>&1 &
while read -r line; do echo "echo: $line"; done
while :; do sleep 100000 & wait $!; done
)";

std::vector<std::string> loop_devices_of(const std::string& file) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator at("/sys/block", error), end; !error && at != end; at.increment(error)) {
    const std::string backing = read_text(at->path() / "loop/backing_file");
    if (backing.starts_with(file)) found.push_back("loop device " + at->path().filename().string());
  }
  return found;
}

std::vector<std::string> temporary_files_below(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (at->path().extension() == ".new") found.push_back("temporary file " + at->path().string());
  return found;
}

}  // namespace

Stage::Stage() : image_(kInit), daemon_(make_folder("faults"), {"--verbose"}, tracer_.entrance()) {
  write_text(disk_, "");
  fs::resize_file(disk_, 1 << 20);
  start_daemon();
}

Stage::~Stage() {
  tracer_.disarm();
  connection_.reset();
  daemon_.destroy_domains();
  daemon_.stop();
  remove_traces(own_name("fault-"));
}

void Stage::connect() {
  connection_ = Connection(virConnectOpen(daemon_.uri().c_str()));
  if (!connection_) throw std::runtime_error("cannot connect: " + describe(last_failure()));
}

void Stage::start_daemon() {
  connection_.reset();
  daemon_.start();
  connect();
}

bool Stage::try_start_daemon() {
  try {
    start_daemon();
    return true;
  } catch (const std::exception&) {
    if (!daemon_.running()) return false;
  }
  try {
    connect();  // the fault may have cost one connection only
    return true;
  } catch (const std::exception&) {
    daemon_.kill();  // or it would be there beside the next one
    return false;
  }
}

bool Stage::wait_or_hit(const std::function<bool()>& condition) const {
  bool holds = false;
  eventually([&] { return (holds = condition()) || tracer_.hit(); });
  return holds;
}

bool Stage::wait_ready_or_hit() {
  const bool ready = wait_or_hit([&] { return image_.has("ready"); });
  image_.remove("ready");
  return ready;
}

void Stage::kill_daemon() {
  connection_.reset();
  daemon_.kill();
}

std::string Stage::disk_xml() const {
  return "<disk type='file' device='disk'><driver name='loop' type='raw'/><source file='" + disk_ +
         "'/><target dev='sdb'/></disk>";
}

DomainXml Stage::definition(const std::string& word) const {
  DomainXml xml;
  xml.name = name(word);
  xml.uuid = word == "one" ? "7d6f3a10-5a0e-4ff3-9d5b-0a1b2c3d4e01" : "7d6f3a10-5a0e-4ff3-9d5b-0a1b2c3d4e02";
  xml.root = image_.path();
  xml.private_network = false;
  xml.elements = "  <resource><partition>/machine</partition></resource>\n  <cputune><shares>512</shares></cputune>\n";
  xml.devices = interface_xml("52:54:00:5d:00:01") + mount_filesystem(shared_, "/shared");
  return xml;
}

Domain Stage::find(const std::string& word) const {
  return Domain(virDomainLookupByName(connection_, name(word).c_str()));
}

Domain Stage::defined() {
  if (const Domain other = find("two")) {
    if (virDomainIsActive(other) == 1) virDomainDestroy(other);
    virDomainUndefine(other);
  }
  Domain domain = find();
  if (domain && virDomainIsActive(domain) == 1) virDomainDestroy(domain);
  if (domain) virDomainSetAutostart(domain, 0);
  if (!domain || dump(domain, VIR_DOMAIN_XML_INACTIVE) != first_) {
    domain = Domain(virDomainDefineXML(connection_, definition().text().c_str()));
    if (!domain) throw std::runtime_error("define: " + describe(last_failure()));
    first_ = dump(domain, VIR_DOMAIN_XML_INACTIVE);
  }
  return domain;
}

Domain Stage::running() {
  Domain domain = defined();
  image_.remove("ready");
  image_.remove("go");
  if (virDomainCreate(domain) < 0) throw std::runtime_error("start: " + describe(last_failure()));
  if (!image_.wait_ready()) throw std::runtime_error("init does not say that it is ready");
  return domain;
}

std::vector<std::string> Stage::leaks() {
  std::vector<std::string> found;
  eventually(
      [&] {
        found = traces_of(own_name("fault-"), daemon_.state_folder());
        for (const auto& loop : loop_devices_of(disk_)) found.push_back(loop);
        for (const auto& port : bridge_.ports()) found.push_back("port " + port);
        for (const auto& file : temporary_files_below(daemon_.root())) found.push_back(file);
        std::erase_if(found, [&](const std::string& leak) { return known_.contains(leak); });
        return found.empty() && !image_.has("given");
      },
      scaled(Milliseconds(3000)));
  known_.insert(found.begin(), found.end());
  if (image_.has("given")) {
    found.emplace_back("mount point 'given' in the image");
    fs::remove_all(image_.path() + "/given");  // or the walk's next points would not make it
  }
  leaks_seen_ += static_cast<int>(found.size());
  return found;
}

std::vector<std::string> Stage::descriptors() const {
  std::vector<std::string> found;
  std::error_code error;
  const std::string folder = "/proc/" + std::to_string(daemon_.pid()) + "/fd";
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::string what = file_of(daemon_.pid(), std::stoi(at->path().filename()));
    found.push_back(what.substr(0, what.find(":[")));
  }
  std::sort(found.begin(), found.end());
  return found;
}

void Stage::mark_descriptors() {
  marked_ = descriptors();
}

std::vector<std::string> Stage::more_descriptors() const {
  std::vector<std::string> more;
  eventually(
      [&] {
        const auto now = descriptors();
        more.clear();
        std::set_difference(now.begin(), now.end(), marked_.begin(), marked_.end(), std::back_inserter(more));
        return now.size() <= marked_.size();
      },
      scaled(Milliseconds(1000)));
  return descriptors().size() <= marked_.size() ? std::vector<std::string>{} : more;
}

bool Stage::has_mounted(virDomainPtr domain, const std::string& path) const {
  return proc_file(init_pid(domain), "mountinfo").find(" " + path + " ") != std::string::npos;
}

/// Typed again, as an init that is just starting takes nothing before it has said that it is ready.
bool Stage::console_answers(virDomainPtr domain) const {
  return eventually([&] {
    const auto console = Console::open(domain);
    if (console) console->type("are you there\n");
    return (console && console->wait_for("echo: are you there", scaled(Milliseconds(300)))) ||
           virDomainIsActive(domain) != 1;
  });
}

}  // namespace faults
