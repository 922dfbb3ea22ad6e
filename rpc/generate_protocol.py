#!/usr/bin/env python3
"""Turns protocol/*.tsv into C++: one aggregate per wire struct with bounded encode and decode, one tag per procedure and
event, and the table of facts about every procedure.

A row of permissions.tsv says what libvirt's access drivers ask of the caller: `permissions` are needed to make the call
("object:permission", with "(field&mask!=value)" only if that holds of the argument `field`), `results` on each object
for it to be part of the answer. "-": nothing.

Usage: generate_protocol.py TYPES PROCEDURES PERMISSIONS OUTPUT_DIRECTORY"""

import csv
import pathlib
import re
import sys

NOTICE = "// Generated from rpc/protocol/*.tsv by rpc/generate_protocol.py."

PROGRAMS = ["REMOTE", "LXC", "QEMU", "ADMIN"]
PREFIX = {"REMOTE": "", "LXC": "Lxc", "QEMU": "Qemu", "ADMIN": "Admin"}

# wire type: C++ type, bytes on the wire, encode, decode
SCALARS = {
    "int": ("std::int32_t", 4, "out.put_u32(static_cast<std::uint32_t>({v}));",
            "{v} = static_cast<std::int32_t>(in.get_u32());"),
    "uint": ("std::uint32_t", 4, "out.put_u32({v});", "{v} = in.get_u32();"),
    "hyper": ("std::int64_t", 8, "out.put_u64(static_cast<std::uint64_t>({v}));",
              "{v} = static_cast<std::int64_t>(in.get_u64());"),
    "uhyper": ("std::uint64_t", 8, "out.put_u64({v});", "{v} = in.get_u64();"),
    "double": ("double", 8, "out.put_double({v});", "{v} = in.get_double();"),
    "short": ("std::int16_t", 4, "put_small(out, {v});", "get_small(in, {v});"),
    "ushort": ("std::uint16_t", 4, "put_small(out, {v});", "get_small(in, {v});"),
    "char": ("std::int8_t", 4, "put_small(out, {v});", "get_small(in, {v});"),
    "uchar": ("std::uint8_t", 4, "put_small(out, {v});", "get_small(in, {v});"),
    "bool": ("bool", 4, "out.put_u32({v} ? 1 : 0);", "{v} = in.get_u32() != 0;"),
}

# The BOOLEAN arm is an int on the wire; as bool it differs from the INT arm of the same variant.
BOOLEAN_ARMS = {"b"}

# One definition serves both programs.
SAME_AS = {"remote_error": "virNetMessageError", "admin_typed_param_value": "remote_typed_param_value"}

FAMILY = {"hypervisor": "Domain", "network": "Network", "storage": "Storage", "nodedev": "NodeDevice",
          "nwfilter": "Nwfilter", "secret": "Secret", "interface": "Interface", "daemon": "Rpc", "admin": "Rpc"}
SUBDRIVER = {name: FAMILY[name] for name in ("network", "storage", "nodedev", "nwfilter", "secret", "interface")}


def read_table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def camel(words):
    return "".join(word[:1].upper() + word[1:] for word in words.split("_"))


def type_name(name):
    if name.startswith("virNet"):
        return "Net" + name[len("virNet"):]
    return camel(re.sub(r"^remote_", "", name))


def constant_name(name):
    name = re.sub(r"^(REMOTE_(?!PROGRAM|PROTOCOL)|VIR_(?!TYPED))", "", name)
    return "k" + camel(name.lower())


def split_fields(text):
    return [tuple(field.split(":", 1)) for field in text.split(", ")]


class Types:
    def __init__(self, rows):
        self.typedefs, self.structs, self.unions, self.enums, self.constants = {}, {}, {}, {}, {}
        for row in rows:
            name, kind, fields = row["name"], row["kind"], row["fields"]
            if name in SAME_AS:
                continue
            if kind == "typedef":
                self.typedefs[name] = fields[1:]
            elif kind == "struct":
                self.structs[name] = split_fields(fields)
            elif kind == "union":
                arms = fields.split("; ")[1:]
                self.unions[name] = [re.match(r"(\d+) -> (\w+):(\S+)$", arm).groups() for arm in arms]
            elif kind == "enum" and not name.endswith("procedure"):
                self.enums[name] = [entry.split("=") for entry in fields.split(", ")]
            elif kind == "const":
                self.constants[name] = int(fields.split("=")[1])

    def resolve(self, wire):
        wire = SAME_AS.get(wire, wire)
        while wire in self.typedefs:
            wire = SAME_AS.get(self.typedefs[wire], self.typedefs[wire])
        return wire

    def shape(self, wire):
        """(kind, element, bound) of a wire type as the tables write it."""
        wire = self.resolve(wire)
        if wire.endswith("?"):
            return "optional", wire[:-1], 0
        match = re.match(r"(\w+)<(\d+)>$", wire)
        if match:
            element, bound = match[1], int(match[2])
            if element in ("string", "opaque"):
                return element, None, bound
            return ("chars" if element == "char" else "array"), element, bound
        match = re.match(r"(\w+)\[(\d+)\]$", wire)
        if match:
            kinds = {"opaque": "opaque_fixed", "char": "chars_fixed"}
            if match[1] not in kinds:
                raise SystemExit(f"fixed array of {match[1]} is not supported")
            return kinds[match[1]], None, int(match[2])
        return "plain", wire, 0

    def cpp(self, wire):
        kind, element, bound = self.shape(wire)
        if kind == "optional":
            return f"std::optional<{self.cpp(element)}>"
        if kind == "array":
            return f"std::vector<{self.cpp(element)}>"
        if kind == "opaque_fixed":
            return f"std::array<std::uint8_t, {bound}>"
        if kind != "plain":
            return "std::string"
        if element in SCALARS:
            return SCALARS[element][0]
        return type_name(element)

    def minimum(self, wire):
        kind, element, bound = self.shape(wire)
        if kind == "opaque_fixed":
            return (bound + 3) // 4 * 4
        if kind == "chars_fixed":
            return 4 * bound
        if kind != "plain":
            return 4
        if element in SCALARS:
            return SCALARS[element][1]
        if element in self.enums:
            return 4
        if element in self.unions:
            return 4 + min(self.minimum(arm[2]) for arm in self.unions[element])
        return sum(self.minimum(field[1]) for field in self.structs[element])

    def encode(self, wire, value, depth=0):
        kind, element, bound = self.shape(wire)
        if kind == "optional":
            return f"out.put_u32({value} ? 1 : 0); if ({value}) {{ {self.encode(element, '(*' + value + ')', depth)} }}"
        if kind == "string":
            return f"put_string(out, {value}, {bound});"
        if kind == "opaque":
            return f"put_bounded(out, {value}, {bound});"
        if kind == "opaque_fixed":
            return f"put_bytes(out, {value});"
        if kind in ("chars", "chars_fixed"):
            return f"put_{kind}(out, {value}, {bound});"
        if kind == "array":
            item = f"item{depth}"
            return (f"put_count(out, {value}.size(), {bound}); "
                    f"for (const auto& {item} : {value}) {{ {self.encode(element, item, depth + 1)} }}")
        if element in SCALARS:
            return SCALARS[element][2].format(v=value)
        if element in self.enums:
            return f"out.put_u32(static_cast<std::uint32_t>({value}));"
        if element in self.unions:
            return f"encode_union(out, {value});"
        return f"{value}.encode(out);"

    def decode(self, wire, value, depth=0):
        kind, element, bound = self.shape(wire)
        if kind == "optional":
            inner = self.decode(element, f"{value}.emplace()", depth)
            if self.shape(element)[0] != "plain" or self.resolve(element) in SCALARS:
                inner = f"auto& inner = {value}.emplace(); {self.decode(element, 'inner', depth)}"
            return f"if (get_presence(in)) {{ {inner} }} else {{ {value}.reset(); }}"
        if kind == "string":
            return f"get_string(in, {value}, {bound});"
        if kind == "opaque":
            return f"{value} = in.get_opaque({bound});"
        if kind == "opaque_fixed":
            return f"get_bytes(in, {value});"
        if kind in ("chars", "chars_fixed"):
            return f"get_{kind}(in, {value}, {bound});"
        if kind == "array":
            item = f"item{depth}"
            return (f"{value}.clear(); {value}.resize(in.get_count({bound}, {self.minimum(element)})); "
                    f"for (auto& {item} : {value}) {{ {self.decode(element, item, depth + 1)} }}")
        if element in SCALARS:
            return SCALARS[element][3].format(v=value)
        if element in self.enums:
            values = ", ".join(entry[1] for entry in self.enums[element])
            return f"{value} = static_cast<{type_name(element)}>(get_one_of(in, {{{values}}}));"
        if element in self.unions:
            return f"decode_union(in, {value});"
        return f"{value}.decode(in);"

    def ordered_structs(self):
        """Every struct after the ones it contains."""
        done = []

        def visit(name):
            if name in done:
                return
            for _, wire in self.structs[name]:
                for part in re.findall(r"\w+", self.expand(wire)):
                    if part in self.structs:
                        visit(part)
            done.append(name)

        for name in self.structs:
            visit(name)
        return done

    def expand(self, wire):
        wire = self.resolve(wire)
        kind, element, _ = self.shape(wire)
        return self.expand(element) if kind in ("optional", "array") else wire


def header(types, procedures):
    lines = [NOTICE + " Include rpc/protocol.hpp instead.", "#pragma once", "namespace rpc {", ""]
    for name, value in types.constants.items():
        if not name.startswith(("VIR_NET", "VIR_TYPED")):
            lines.append(f"inline constexpr std::uint32_t {constant_name(name)} = {value}u;")
    for name, entries in types.enums.items():
        prefix = "REMOTE_AUTH_" if name == "remote_auth_type" else "VIR_NET_"
        values = ", ".join(f"{camel(label.removeprefix(prefix).lower())} = {value}" for label, value in entries)
        lines.append(f"enum class {type_name(name)} : std::int32_t {{ {values} }};")
    for name, arms in types.unions.items():
        options = ", ".join(types.cpp(arm_type(arm)) for arm in arms)
        lines.append(f"using {type_name(name)} = std::variant<{options}>;")
    for alias, name in SAME_AS.items():
        if name in types.unions:
            lines.append(f"using {type_name(alias)} = {type_name(name)};")
    for name in types.ordered_structs():
        lines.append(f"struct {type_name(name)} {{")
        lines += [f"  {types.cpp(wire)} {field}{{}};" for field, wire in types.structs[name]]
        lines += ["  void encode(Encoder& out) const;", "  void decode(Decoder& in);",
                  f"  bool operator==(const {type_name(name)}&) const = default;", "};"]
    for namespace, wanted in (("proc", False), ("event", True)):
        lines.append(f"namespace {namespace} {{")
        for row in procedures:
            if row["program"] in PROGRAMS and (row["event"] == "yes") == wanted:
                lines.append(tag(row, wanted))
        lines.append(f"}}  // namespace {namespace}")
    lines.append("}  // namespace rpc")
    return lines


def arm_type(arm):
    return "bool" if arm[1] in BOOLEAN_ARMS else arm[2]


def message_type(row, suffix, text):
    if text == "-":
        return "Nothing"
    prefix = row["program"].lower() + "_"
    return type_name(prefix + row["name"].lower() + suffix)


def tag(row, is_event):
    name = PREFIX[row["program"]] + camel(row["name"].lower())
    program = f"k{row['program'].capitalize()}Program"
    if is_event:
        content = f"using Message = rpc::{message_type(row, '_msg', row['args_or_message'])};"
    else:
        content = (f"using Args = rpc::{message_type(row, '_args', row['args_or_message'])}; "
                   f"using Ret = rpc::{message_type(row, '_ret', row['ret'])};")
    return (f"struct {name} {{ {content} static constexpr std::uint32_t kProgram = {program}; "
            f"static constexpr std::int32_t kNumber = {row['number']}; }};")


def codec(types, names, with_unions):
    lines = [NOTICE, '#include "rpc/codec.hpp"', '#include "rpc/protocol.hpp"', "namespace rpc {"]
    for name, arms in types.unions.items():
        union = type_name(name)
        lines += [f"void encode_union(Encoder& out, const {union}& value);",
                  f"void decode_union(Decoder& in, {union}& value);"]
        if not with_unions:
            continue
        lines += [f"void encode_union(Encoder& out, const {union}& value) {{", "  switch (value.index()) {"]
        for index, arm in enumerate(arms):
            body = types.encode(arm_type(arm), f"std::get<{index}>(value)")
            lines.append(f"    case {index}: out.put_u32({arm[0]}); {body} break;")
        lines += ["  }", "}", f"void decode_union(Decoder& in, {union}& value) {{", "  switch (in.get_u32()) {"]
        for index, arm in enumerate(arms):
            body = types.decode(arm_type(arm), "arm")
            lines.append(f"    case {arm[0]}: {{ auto& arm = value.emplace<{index}>(); {body} break; }}")
        lines += ["    default: refuse_selector();", "  }", "}"]
    for name in names:
        fields = types.structs[name]
        lines.append(f"void {type_name(name)}::encode(Encoder& out) const {{")
        lines += [f"  {types.encode(wire, field)}" for field, wire in fields]
        lines += ["}", f"void {type_name(name)}::decode(Decoder& in) {{"]
        lines += [f"  {types.decode(wire, field)}" for field, wire in fields]
        lines.append("}")
    lines.append("}  // namespace rpc")
    return lines


def family(row):
    """The error domain under which stock libvirt reports this API as unsupported or read only."""
    api = row["api"]
    if row["program"] in ("LXC", "QEMU"):
        return "base::From::None"
    if "Snapshot" in api:
        return "kFromDomainSnapshot"
    if "Checkpoint" in api:
        return "kFromDomainCheckpoint"
    if api.startswith("virNodeDevice"):
        return "base::From::NodeDevice"
    return "base::From::" + FAMILY[row["subdriver"]]


def parse_permission(text):
    """(object, permission, argument, mask, value); polkit's names have hyphens."""
    words, condition = re.match(r"([^(]+)(?:\((.*)\))?$", text).groups()
    owner, permission = words.replace("_", "-").split(":")
    if not condition:
        return owner, permission, None, 0, 0
    return owner, permission, *re.match(r"(\w+)&(\d+)!=(\d+)$", condition).groups()


def permissions_of(row):
    return [] if row["permissions"] == "-" else [parse_permission(text) for text in row["permissions"].split()]


def permission_arrays(permissions):
    """One array per procedure that needs some: its permissions, the one for results last."""
    for row in permissions:
        needed = permissions_of(row)
        if row["results"] != "-":
            needed.append(parse_permission(row["results"]))
        if needed:
            items = ", ".join(f'{{"{owner}", "{name}", {mask}u, {value}u}}' for owner, name, _, mask, value in needed)
            yield f'constexpr Permission k{PREFIX[row["program"]]}{camel(row["name"].lower())}Permissions[] = {{{items}}};'


def subject(row, permissions):
    """A function that reads from the arguments what the permissions are asked about."""
    fields = [name for name, _ in split_fields(row["args_or_message"])] if row["args_or_message"] != "-" else []
    sets = []
    if "dom:remote_nonnull_domain" in row["args_or_message"].split(", "):
        sets.append("subject.domain = std::move(args.dom);")
    argument = {field for _, _, field, _, _ in permissions if field}
    for field in argument:
        if field not in fields:
            raise SystemExit(f"{row['name']} has no argument '{field}'")
        sets.append(f"subject.argument = static_cast<std::uint32_t>(args.{field});")
    if not sets:
        return "nullptr"
    name = PREFIX[row["program"]] + camel(row["name"].lower())
    return (f"[](std::string_view payload) {{ proc::{name}::Args args; Decoder in(payload); args.decode(in); "
            f"CallSubject subject; {' '.join(sets)} return subject; }}")


def access_facts(row, permissions):
    found = permissions.get((row["program"], row["name"]))
    if not found:
        return "false, {}, nullptr, nullptr"
    array = f'k{PREFIX[row["program"]]}{camel(row["name"].lower())}Permissions'
    needed = permissions_of(found)
    span = f"{{{array}, {len(needed)}}}" if needed else "{}"
    results = f"&{array}[{len(needed)}]" if found["results"] != "-" else "nullptr"
    return f"true, {span}, {results}, {subject(row, needed)}"


def facts(row, permissions):
    read_only = row["readonly_ok"].removesuffix("(inferred)")
    access = {"no": "Refused", "conditional": "Conditional"}.get(read_only, "Allowed")
    direction = row["stream"].split(":")[0]
    stream = {"none": "None", "write": "FromClient", "read": "ToClient", "read+write": "Both"}[direction]
    boolean = lambda condition: "true" if condition else "false"
    name = row["name"]
    api = row["api"].split(",")[0]
    return (f'  {{k{row["program"].capitalize()}Program, {row["number"]}, "{name}", "{name if api == "-" else api}", '
            f'ReadOnlyAccess::{access}, {boolean(row["needs_auth"] == "yes")}, {boolean(row["priority"] == "high")}, '
            f'StreamDirection::{stream}, {boolean("c2s" in row["passes_fds"])}, {boolean("s2c" in row["passes_fds"])}, '
            f'{boolean(row["event"] == "yes")}, {family(row)}, Subdriver::{SUBDRIVER.get(row["subdriver"], "None")}, '
            f'{access_facts(row, permissions)}}},')


def visits(procedures):
    """A call of `visitor` with every tag, for tests and fuzzing."""
    lines = [NOTICE, "#pragma once", '#include "rpc/protocol.hpp"', "namespace rpc {"]
    for function, namespace, wanted in (("visit_procedures", "proc", False), ("visit_events", "event", True)):
        lines += ["template <typename Visitor>", f"void {function}(Visitor&& visitor) {{"]
        for row in procedures:
            if row["program"] in PROGRAMS and (row["event"] == "yes") == wanted:
                lines.append(f"  visitor({namespace}::{PREFIX[row['program']]}{camel(row['name'].lower())}{{}});")
        lines.append("}")
    lines.append("}  // namespace rpc")
    return lines


def procedure_facts(procedures, permissions):
    by_name = {(row["program"], row["name"]): row for row in permissions}
    unknown = by_name.keys() - {(row["program"], row["name"]) for row in procedures}
    if unknown:
        raise SystemExit(f"permissions of unknown procedures: {unknown}")
    lines = [NOTICE, '#include "rpc/protocol.hpp"', "namespace rpc {", "namespace {"]
    lines += list(permission_arrays(permissions))
    lines += ["constexpr ProcedureInfo kProcedures[] = {"]
    lines += [facts(row, by_name) for row in procedures if row["program"] in PROGRAMS]
    lines += ["};", "}  // namespace", "std::span<const ProcedureInfo> procedures() { return kProcedures; }",
              "}  // namespace rpc"]
    return lines


def write_if_changed(path, lines):
    text = "\n".join(lines) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def main():
    types_path, procedures_path, permissions_path, output = sys.argv[1:]
    types, procedures = Types(read_table(types_path)), read_table(procedures_path)
    output = pathlib.Path(output)
    structs = types.ordered_structs()
    half = len(structs) // 2
    for name, lines in {
            "protocol.gen.hpp": header(types, procedures),
            "protocol_visit.gen.hpp": visits(procedures),
            "protocol_codec_1.gen.cpp": codec(types, structs[:half], True),
            "protocol_codec_2.gen.cpp": codec(types, structs[half:], False),
            "protocol_procedures.gen.cpp": procedure_facts(procedures, read_table(permissions_path))}.items():
        write_if_changed(output / name, lines)


if __name__ == "__main__":
    main()
