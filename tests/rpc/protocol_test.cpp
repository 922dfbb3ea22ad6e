// The generated codec against the tables themselves: this file builds wire bytes from types.tsv with its own reading of
// it.
#include "rpc/protocol.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "rpc/protocol_visit.gen.hpp"

namespace rpc {
namespace {

struct Type {
  std::string kind;
  std::string fields;
  std::size_t min_bytes = 0;
};

std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  for (std::size_t at; (at = text.find(separator, from)) != std::string::npos; from = at + separator.size())
    parts.push_back(text.substr(from, at - from));
  parts.push_back(text.substr(from));
  return parts;
}

const std::map<std::string, Type>& types() {
  static const auto read = [] {
    std::map<std::string, Type> result;
    std::ifstream file(std::string(SOURCE_DIR) + "/rpc/protocol/types.tsv");
    for (std::string line; std::getline(file, line);) {
      const auto columns = split(line, "\t");
      const std::size_t bytes =
          columns[4].find_first_not_of("0123456789") == std::string::npos ? std::stoul(columns[4]) : 0;
      result[columns[1]] = {columns[2], columns[3], bytes};
    }
    return result;
  }();
  return read;
}

/// Writes a value of any wire type. `fill` 0: everything empty or absent; else that many elements, everything present.
class Sample {
 public:
  explicit Sample(unsigned fill) : fill_(fill) {}

  void put(const std::string& wire) {
    std::smatch match;
    static const std::regex bounded(R"((\w+)<(\d+)>)");
    static const std::regex fixed(R"((\w+)\[(\d+)\])");
    if (wire.back() == '?') {
      out.put_u32(fill_ ? 1 : 0);
      if (fill_) put(wire.substr(0, wire.size() - 1));
    } else if (std::regex_match(wire, match, bounded)) {
      put_bounded(match[1], std::stoul(match[2]));
    } else if (std::regex_match(wire, match, fixed)) {
      put_fixed(match[1], std::stoul(match[2]));
    } else {
      put_plain(wire);
    }
  }

  void put_struct(const std::string& name) {
    for (const auto& field : split(types().at(name).fields, ", ")) put(field.substr(field.find(':') + 1));
  }

  Encoder out;
  /// When the countdown of bounded items ends, this is written as the size, and nothing after it.
  std::optional<int> break_at;
  bool over_bound = false;
  bool broken = false;

 private:
  bool breaks(std::size_t bound) {
    if (broken || !break_at || (*break_at)-- != 0) return false;
    out.put_u32(static_cast<std::uint32_t>(over_bound ? bound + 1 : bound));
    return broken = true;
  }

  void put_bounded(const std::string& element, std::size_t bound) {
    if (broken || breaks(bound)) return;
    const std::size_t count = std::min<std::size_t>(fill_, bound);
    if (element == "string" || element == "opaque") return out.put_opaque(std::string("bytes").substr(0, count));
    out.put_u32(static_cast<std::uint32_t>(count));
    for (std::size_t i = 0; i < count; ++i) put(element);
  }

  void put_fixed(const std::string& element, std::size_t count) {
    if (broken) return;
    if (element == "opaque") return out.put_opaque_fixed(std::string(count, static_cast<char>('A' + fill_)));
    for (std::size_t i = 0; i < count; ++i) out.put_u32(i < fill_ ? 'm' : 0);
  }

  void put_plain(const std::string& wire) {
    if (broken) return;
    static const std::set<std::string> words = {"int", "uint", "short", "ushort", "char", "uchar"};
    if (words.contains(wire)) return out.put_u32(next_++ % 100);
    if (wire == "hyper" || wire == "uhyper") return out.put_u64(0x100000000ULL * next_++ + 5);
    if (wire == "double") return out.put_double(0.5 * next_++);
    const Type& type = types().at(wire);
    if (type.kind == "typedef") return put(type.fields.substr(1));
    if (type.kind == "enum") return out.put_u32(fill_ ? 1 : 0);
    if (type.kind == "struct") return put_struct(wire);
    put_union(type);
  }

  void put_union(const Type& type) {
    const auto arms = split(type.fields, "; ");
    const std::string& arm = arms[1 + arm_++ % (arms.size() - 1)];
    out.put_u32(static_cast<std::uint32_t>(std::stoul(arm)));
    if (arm.find(":int") != std::string::npos)
      out.put_u32(1);  // also a good BOOLEAN
    else
      put(arm.substr(arm.find(':') + 1));
  }

  unsigned fill_;
  unsigned next_ = 1;
  unsigned arm_ = 0;
};

/// Decodes and encodes again; `left` is what was not read.
template <typename T>
std::string recode_as(std::string_view bytes, std::size_t& left) {
  Decoder in(bytes);
  T value;
  value.decode(in);
  left = in.remaining();
  Encoder out;
  value.encode(out);
  return out.take();
}

struct Codec {
  std::string type;
  std::string (*recode_some)(std::string_view, std::size_t&);

  std::string recode(std::string_view bytes) const {
    std::size_t left = 0;
    std::string again = recode_some(bytes, left);
    EXPECT_EQ(left, 0u) << type;
    return again;
  }
};

std::string struct_name(std::uint32_t program, std::int32_t number, const std::string& suffix) {
  static const std::map<std::uint32_t, std::string> prefixes = {
      {kRemoteProgram, "remote_"}, {kLxcProgram, "lxc_"}, {kQemuProgram, "qemu_"}, {kAdminProgram, "admin_"}};
  for (const ProcedureInfo& info : procedures()) {
    if (info.program != program || info.number != number) continue;
    std::string name = info.name;
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    return prefixes.at(program) + name + suffix;
  }
  return {};
}

std::vector<Codec> all_codecs() {
  std::vector<Codec> all = {{"virNetMessageError", recode_as<NetMessageError>}};
  const auto add = [&]<typename T>(std::uint32_t program, std::int32_t number, const char* suffix, T*) {
    if constexpr (!std::is_same_v<T, Nothing>) all.push_back({struct_name(program, number, suffix), recode_as<T>});
  };
  visit_procedures([&]<typename P>(P) {
    add(P::kProgram, P::kNumber, "_args", static_cast<typename P::Args*>(nullptr));
    add(P::kProgram, P::kNumber, "_ret", static_cast<typename P::Ret*>(nullptr));
  });
  visit_events(
      [&]<typename E>(E) { add(E::kProgram, E::kNumber, "_msg", static_cast<typename E::Message*>(nullptr)); });
  return all;
}

const std::vector<Codec>& codecs() {
  static const std::vector<Codec> all = all_codecs();
  return all;
}

class FillTest : public testing::TestWithParam<unsigned> {};

TEST_P(FillTest, EveryTypeSurvivesDecodeAndEncode) {
  for (const Codec& codec : codecs()) {
    ASSERT_TRUE(types().contains(codec.type)) << codec.type;
    Sample sample(GetParam());
    sample.put_struct(codec.type);
    EXPECT_EQ(codec.recode(sample.out.bytes()), sample.out.bytes()) << codec.type;
  }
}

INSTANTIATE_TEST_SUITE_P(Protocol, FillTest, testing::Values(0u, 1u, 2u, 5u));

TEST(Protocol, EmptyValuesHaveTheTabledSize) {
  for (const Codec& codec : codecs()) {
    Sample sample(0);
    sample.put_struct(codec.type);
    EXPECT_EQ(sample.out.bytes().size(), types().at(codec.type).min_bytes) << codec.type;
  }
}

TEST(Protocol, EveryBoundIsEnforced) {
  int bounds = 0;
  for (const Codec& codec : codecs()) {
    for (int at = 0;; ++at) {
      Sample over(1);
      over.break_at = at;
      over.over_bound = true;
      over.put_struct(codec.type);
      if (!over.broken) break;
      ++bounds;
      try {
        codec.recode(over.out.bytes() + std::string(4096, '\0'));  // so that arrays around it have bytes enough
        ADD_FAILURE() << codec.type << " takes more than its bound " << at;
      } catch (const base::Error& error) {
        EXPECT_NE(error.detail().find("exceeds the limit"), std::string::npos) << codec.type << ": " << error.detail();
      }
      Sample exact(1);
      exact.break_at = at;
      exact.put_struct(codec.type);
      try {
        codec.recode(exact.out.bytes());
        ADD_FAILURE() << codec.type << " reads what is not there " << at;
      } catch (const base::Error& error) {
        EXPECT_EQ(error.detail(), "message ends in the middle of a value") << codec.type;
      }
    }
  }
  EXPECT_GT(bounds, 900);
}

TEST(Protocol, EveryTypeRefusesEveryTruncation) {
  for (const Codec& codec : codecs()) {
    Sample sample(1);
    sample.put_struct(codec.type);
    const std::string bytes = sample.out.bytes();
    const std::size_t step = bytes.size() > 2000 ? 404 : 4;
    for (std::size_t size = 0; size < bytes.size(); size += step)
      EXPECT_THROW(codec.recode(std::string_view(bytes).substr(0, size)), base::Error) << codec.type << " at " << size;
  }
}

TEST(Protocol, EncodingChecksTheSameBounds) {
  Encoder out;
  DomainSetMemoryParametersArgs args;
  args.params.resize(17);
  EXPECT_THROW(args.encode(out), base::Error);
  EXPECT_THROW(ConnectGetUriRet{std::string(kStringMax + 1, 'x')}.encode(out), base::Error);
}

TEST(Protocol, TypedParameterAsDocumented) {
  Encoder out;
  TypedParam{"weight", 50u}.encode(out);
  EXPECT_EQ(out.bytes(), std::string("\0\0\0\6weight\0\0\0\0\0\2\0\0\0\62", 20));
  const std::string selector_8("\0\0\0\0\0\0\0\10\0\0\0\1", 12);
  Decoder in(selector_8);
  TypedParam param;
  EXPECT_THROW(param.decode(in), base::Error);
}

TEST(Protocol, ProcedureFacts) {
  std::map<std::uint32_t, int> calls;
  for (const ProcedureInfo& info : procedures()) calls[info.program] += info.is_event ? 0 : 1;
  EXPECT_EQ(calls[kRemoteProgram], 456 - 55);
  EXPECT_EQ(calls[kLxcProgram], 1);
  EXPECT_EQ(calls[kQemuProgram], 6);
  EXPECT_EQ(calls[kAdminProgram], 19);

  const auto find = [](std::int32_t number) {
    for (const ProcedureInfo& info : procedures())
      if (info.program == kRemoteProgram && info.number == number) return info;
    throw std::runtime_error("no such procedure");
  };
  EXPECT_STREQ(find(9).api, "virDomainCreate");
  EXPECT_EQ(find(9).read_only, ReadOnlyAccess::Refused);
  EXPECT_EQ(find(9).family, base::From::Domain);
  EXPECT_EQ(find(14).read_only, ReadOnlyAccess::Conditional);
  EXPECT_FALSE(find(66).needs_auth);
  EXPECT_EQ(find(201).stream, StreamDirection::Both);
  EXPECT_TRUE(find(310).fds_from_client);
  EXPECT_TRUE(find(318).is_event);
  EXPECT_EQ(find(41).family, base::From::Network);
  EXPECT_EQ(find(23).high_priority, true);
}

}  // namespace
}  // namespace rpc
