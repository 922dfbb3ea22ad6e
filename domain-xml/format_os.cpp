#include "domain-xml/format_parts.hpp"
#include "domain-xml/stored.hpp"

namespace domain_xml {

void write_os(Writer& writer, const Os& os, const std::vector<Element>& others) {
  writer.open("os");
  writer.open("type").attribute_if("arch", os.arch);
  writer.attribute_if("machine", os.machine).text(os.type).close();
  writer.leaf_if("init", os.init);
  for (const std::string& argument : os.init_args) writer.leaf("initarg", argument);
  for (const InitVariable& variable : os.init_env)
    writer.open("initenv").attribute("name", variable.name).text(variable.value).close();
  writer.leaf_if("initdir", os.init_dir).leaf_if("inituser", os.init_user).leaf_if("initgroup", os.init_group);
  writer.leaf_if("cmdline", os.cmdline);
  write_stored_named(writer, others, "smbios");
  writer.close();
}

namespace {

void write_id_entries(Writer& writer, const char* name, const std::vector<IdMapEntry>& entries) {
  for (const IdMapEntry& entry : entries)
    writer.open(name)
        .attribute("start", entry.start)
        .attribute("target", entry.target)
        .attribute("count", entry.count)
        .close();
}

}  // namespace

void write_idmap(Writer& writer, const IdMap& idmap) {
  if (idmap.empty()) return;
  writer.open("idmap");
  write_id_entries(writer, "uid", idmap.uids);
  write_id_entries(writer, "gid", idmap.gids);
  writer.close();
}

}  // namespace domain_xml
