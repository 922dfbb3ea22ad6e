// What a definition costs as text: parse, check, format, and both together. The documents are those of examples/ and of
// the tests.
#include <benchmark/benchmark.h>

#include "base/fd.hpp"
#include "domain-xml/defaults.hpp"
#include "domain-xml/format.hpp"
#include "domain-xml/parse.hpp"
#include "domain-xml/validate.hpp"

namespace {

const domain_xml::DefaultsContext kHost{.host_arch = "x86_64", .emulator = "/usr/libexec/lxcell-supervisor"};

std::string document(int which) {
  static const char* const kFiles[] = {"/examples/debian.xml", "/tests/data/domain-xml/container.xml",
                                       "/tests/data/domain-xml/devices.xml"};
  return base::read_file(std::string(SOURCE_DIR) + kFiles[which]);
}

domain_xml::DomainDefinition define(const std::string& xml) {
  return accept_definition(domain_xml::parse_domain(xml), kHost);
}

void parse(benchmark::State& state) {
  const std::string xml = document(static_cast<int>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(define(xml));
}

void format(benchmark::State& state) {
  const auto definition = define(document(static_cast<int>(state.range(0))));
  for (auto _ : state) benchmark::DoNotOptimize(domain_xml::format_domain(definition, domain_xml::View::Inactive));
}

void parse_and_format(benchmark::State& state) {
  const std::string xml = document(static_cast<int>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(domain_xml::format_domain(define(xml), domain_xml::View::Inactive));
}

BENCHMARK(parse)->DenseRange(0, 2);
BENCHMARK(format)->DenseRange(0, 2);
BENCHMARK(parse_and_format)->DenseRange(0, 2);

}  // namespace

BENCHMARK_MAIN();
