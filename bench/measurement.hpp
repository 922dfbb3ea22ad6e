// Named series of measured values per daemon, and the table that sets the daemons side by side.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace bench {

/// The value that `percent` of the sorted values do not exceed; 0 for none.
double percentile(std::vector<double> values, double percent);

/// Kilobytes of memory that the process holds, its share of what others use too included; 0 if it is gone.
double pss(int pid);

class Table {
 public:
  /// Columns appear in the order given; the first is what ratios relate to.
  explicit Table(std::vector<std::string> columns) : columns_(std::move(columns)) {}

  /// Rows appear in the order of their first value. `unit` is printed after the name.
  void add(const std::string& row, const std::string& unit, const std::string& column, double value);
  /// Median of every cell, with its 95th percentile, and for each further column its ratio to the first.
  std::string text() const;
  /// [{"row", "unit", "values": {COLUMN: {"median", "p95", "count"}}}...] for whoever compares runs.
  std::string json() const;

 private:
  struct Row {
    std::string name, unit;
    std::map<std::string, std::vector<double>> values;
  };
  std::vector<std::string> columns_;
  std::vector<Row> rows_;
};

/// Throws std::runtime_error: `what`, and libvirt's message.
[[noreturn]] void give_up(const std::string& what);
/// give_up() when libvirt's `answer` is negative.
void check(int answer, const std::string& what);

/// What main() does with `measure`: its error goes to stderr behind the program's name, libvirt prints none, and the
/// scratch folder is removed. Returns the exit status.
int run_program(const char* name, const std::function<void()>& measure);

/// Writes `table` as JSON to `path`, nothing if that is empty. Throws if it cannot.
void save_json(const Table& table, const std::string& path);

}  // namespace bench
