#include "measurement.hpp"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <stdexcept>

#include "support/scratch.hpp"

namespace bench {

namespace {

template <typename... Values>
std::string format(const char* pattern, Values... values) {
  char buffer[256];
  std::snprintf(buffer, sizeof buffer, pattern, values...);
  return buffer;
}

}  // namespace

double percentile(std::vector<double> values, double percent) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double rank = std::ceil(percent / 100.0 * static_cast<double>(values.size()));
  return values[static_cast<std::size_t>(std::max(rank - 1, 0.0))];
}

double pss(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string word; file >> word;)
    if (double value = 0; word == "Pss:" && file >> value) return value;
  return 0;
}

void Table::add(const std::string& row, const std::string& unit, const std::string& column, double value) {
  auto found = std::find_if(rows_.begin(), rows_.end(), [&](const Row& one) { return one.name == row; });
  if (found == rows_.end()) found = rows_.insert(rows_.end(), Row{row, unit, {}});
  found->values[column].push_back(value);
}

std::string Table::text() const {
  std::string text = format("%-24s", "median (95%)");
  for (const auto& column : columns_) text += format(" %20s", column.c_str());
  for (std::size_t i = 1; i < columns_.size(); ++i) text += format(" %16s", (columns_[i] + "/" + columns_[0]).c_str());
  text += "\n";
  for (const auto& row : rows_) {
    text += format("%-24s", (row.name + " [" + row.unit + "]").c_str());
    std::vector<double> medians;
    for (const auto& column : columns_) {
      const auto found = row.values.find(column);
      if (found == row.values.end()) {
        text += format(" %20s", "-");
        medians.push_back(0);
        continue;
      }
      medians.push_back(percentile(found->second, 50));
      text += format(" %10.2f (%7.2f)", medians.back(), percentile(found->second, 95));
    }
    for (std::size_t i = 1; i < medians.size(); ++i) {
      text += medians[0] > 0 ? format(" %15.1fx", medians[i] / medians[0]) : format(" %16s", "-");
    }
    text += "\n";
  }
  return text;
}

std::string Table::json() const {
  std::string text;
  for (const auto& row : rows_) {
    text += (text.empty() ? "[" : ",\n ") +
            format(R"({"row": "%s", "unit": "%s", "values": {)", row.name.c_str(), row.unit.c_str());
    const char* comma = "";
    for (const auto& column : columns_) {
      const auto found = row.values.find(column);
      if (found == row.values.end()) continue;
      text += format(R"(%s"%s": {"median": %.4f, "p95": %.4f, "count": %zu})", comma, column.c_str(),
                     percentile(found->second, 50), percentile(found->second, 95), found->second.size());
      comma = ", ";
    }
    text += "}}";
  }
  return text.empty() ? "[]\n" : text + "]\n";
}

void give_up(const std::string& what) {
  const virError* error = virGetLastError();
  throw std::runtime_error(what + ": " + (error && error->message ? error->message : "no reason given"));
}

void check(int answer, const std::string& what) {
  if (answer < 0) give_up(what);
}

int run_program(const char* name, const std::function<void()>& measure) {
  virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
  int code = 0;
  try {
    measure();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name, error.what());
    code = 1;
  }
  support::remove_scratch();
  return code;
}

void save_json(const Table& table, const std::string& path) {
  if (path.empty()) return;
  std::ofstream file(path);
  file << table.json();
  if (!file.flush()) throw std::runtime_error("cannot write '" + path + "'");
}

}  // namespace bench
