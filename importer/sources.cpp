#include "importer/sources.hpp"

#include <jansson.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "domain-xml/native_json.hpp"
#include "importer/client.hpp"
#include "importer/convert.hpp"
#include "importer/lxc_lines.hpp"

namespace importer {
namespace {

namespace files = std::filesystem;

/// What goes wrong with one container is that container's problem.
template <typename Read>
void guarded(Found& found, const Read& read) {
  try {
    read();
  } catch (const base::Error& error) {
    found.xml.clear();
    found.problem = error.message();
  }
}

/// The names asked for, or all there are, in order.
template <typename Name>
std::vector<std::string> names_in(const Wanted& wanted, const Name& name_of) {
  std::error_code error;
  std::vector<std::string> names;
  for (files::directory_iterator entry(wanted.place, error), end; !error && entry != end; entry.increment(error))
    if (std::string name = name_of(entry->path()); !name.empty()) names.push_back(std::move(name));
  if (error) base::fail(base::Code::SystemError, "cannot read directory '", wanted.place, "': ", error.message());
  std::sort(names.begin(), names.end());
  return wanted.names.empty() ? names : wanted.names;
}

std::vector<Found> find_libvirt_files(const Wanted& wanted) {
  std::vector<Found> list;
  const auto xml_name = [](const files::path& path) {
    return path.extension() == ".xml" ? path.stem().string() : std::string();
  };
  for (const std::string& name : names_in(wanted, xml_name)) {
    Found found{.name = name, .origin = wanted.place + "/" + name + ".xml"};
    found.autostart = files::exists(files::symlink_status(wanted.place + "/autostart/" + name + ".xml"));
    guarded(found, [&] { take_libvirt_xml(found, base::read_file(found.origin)); });
    list.push_back(std::move(found));
  }
  return list;
}

/// Where a runtime would find the program `name` inside: in the directories of PATH; empty if nowhere.
std::string program_inside(const std::string& root, json_t* process, const std::string& name) {
  std::string path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::size_t i = 0;
  json_t* variable = nullptr;
  json_array_foreach(json_object_get(process, "env"), i, variable) {
    const std::string text = json_string_value(variable) ? json_string_value(variable) : "";
    if (text.starts_with("PATH=")) path = text.substr(5);
  }
  std::istringstream directories(path);
  for (std::string directory; std::getline(directories, directory, ':');)
    if (directory.starts_with('/') && files::exists(files::symlink_status(root + directory + "/" + name)))
      return directory + "/" + name;
  return {};
}

/// What a runtime takes relative to the bundle or to PATH has its place in a definition.
std::string with_absolute_paths(const std::string& text, const files::path& bundle) {
  const domain_xml::JsonOwner config = domain_xml::parse_json(text);
  json_t* const root = json_object_get(config.get(), "root");
  const char* const given = json_string_value(json_object_get(root, "path"));
  if (!given || *given == '\0') return text;
  const std::string path = (bundle / given).lexically_normal();
  json_object_set_new(root, "path", json_string(path.c_str()));
  json_t* const process = json_object_get(config.get(), "process");
  json_t* const arguments = json_object_get(process, "args");
  const char* const program = json_string_value(json_array_get(arguments, 0));
  if (program && *program != '/')
    if (const std::string found = program_inside(path, process, program); !found.empty())
      json_array_set_new(arguments, 0, json_string(found.c_str()));
  return domain_xml::format_json(config.get());
}

}  // namespace

std::vector<Found> find_libvirt(const Wanted& wanted) {
  if (wanted.place.find("://") == std::string::npos) return find_libvirt_files(wanted);
  std::vector<Found> list;
  for (ForeignDomain& domain : list_domains(wanted.place, wanted.names)) {
    Found found{.name = domain.name, .origin = wanted.place, .autostart = domain.autostart, .running = domain.running};
    found.problem = domain.problem;
    if (found.problem.empty()) guarded(found, [&] { take_libvirt_xml(found, domain.xml); });
    list.push_back(std::move(found));
  }
  return list;
}

std::vector<Found> find_lxc(const Wanted& wanted) {
  std::vector<Found> list;
  const auto container = [](const files::path& path) {
    return files::exists(path / "config") ? path.filename().string() : std::string();
  };
  for (const std::string& name : names_in(wanted, container)) {
    Found found{.name = name, .origin = wanted.place + "/" + name + "/config"};
    LxcLines lines;
    guarded(found, [&] {
      lines = read_lxc_files(found.origin);
      found.autostart = lines.autostart;
      auto conversion = domain_xml::from_native(domain_xml::NativeFormat::LxcTools, lines.text);
      for (std::string& note : conversion.unconverted) note = lines.place(note);
      found.lost = lines.unread;
      take_conversion(found, std::move(conversion));
    });
    list.push_back(std::move(found));
  }
  return list;
}

std::vector<Found> find_oci(const std::vector<std::string>& bundles, const std::string& name) {
  std::vector<Found> list;
  for (const std::string& given : bundles) {
    const std::string bundle = files::absolute(given).lexically_normal();
    files::path folder = bundle;
    if (!folder.has_filename()) folder = folder.parent_path();
    Found found{.name = name.empty() ? folder.filename().string() : name, .origin = (folder / "config.json").string()};
    guarded(found, [&] {
      const std::string text = with_absolute_paths(base::read_file(found.origin), folder);
      take_conversion(found, domain_xml::from_native(domain_xml::NativeFormat::OciRuntime, text));
    });
    list.push_back(std::move(found));
  }
  return list;
}

}  // namespace importer
