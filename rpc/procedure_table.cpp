#include "rpc/procedure_table.hpp"

#include <utility>

#include "base/error.hpp"

namespace rpc {

ProcedureTable::ProcedureTable(std::initializer_list<std::uint32_t> programs) {
  for (const std::uint32_t program : programs) numbers_.push_back(program);
  programs_.resize(numbers_.size());
  for (const ProcedureInfo& info : procedures()) {
    auto* entries = entries_of(info.program);
    if (!entries || info.is_event) continue;
    const auto at = static_cast<std::size_t>(info.number);
    if (entries->size() <= at) entries->resize(at + 1);
    (*entries)[at].info = &info;
  }
}

void ProcedureTable::add(std::uint32_t program, std::int32_t number, Run where, Handler handler) {
  Entry& entry = known_entry(program, number);
  entry.where = where;
  entry.handler = std::move(handler);
}

void ProcedureTable::relay(std::uint32_t program, std::int32_t number, const RelayRoute& route, Handler alone) {
  add(program, number, Run::Inline, std::move(alone));
  known_entry(program, number).route = &route;
}

ProcedureTable::Entry& ProcedureTable::known_entry(std::uint32_t program, std::int32_t number) {
  auto* entries = entries_of(program);
  if (!entries || number < 0 || static_cast<std::size_t>(number) >= entries->size() ||
      !(*entries)[static_cast<std::size_t>(number)].info)
    base::fail_from(base::From::Rpc, base::Code::InternalError, "no procedure ", number, " in program ", program);
  return (*entries)[static_cast<std::size_t>(number)];
}

const ProcedureTable::Entry* ProcedureTable::find(std::uint32_t program, std::int32_t number) const {
  static const Entry unknown;
  const auto* entries = const_cast<ProcedureTable*>(this)->entries_of(program);
  if (!entries) return nullptr;
  if (number < 0 || static_cast<std::size_t>(number) >= entries->size()) return &unknown;
  return &(*entries)[static_cast<std::size_t>(number)];
}

std::vector<ProcedureTable::Entry>* ProcedureTable::entries_of(std::uint32_t program) {
  for (std::size_t i = 0; i < numbers_.size(); ++i)
    if (numbers_[i] == program) return &programs_[i];
  return nullptr;
}

}  // namespace rpc
