#include "support/perf.hpp"

#include <gtest/gtest.h>

#include "support/result.hpp"

namespace support {

namespace {
constexpr int kEvents = 22;  // that libvirt names
}

std::set<std::string> perf_events(virDomainPtr domain, unsigned flags) {
  virTypedParameterPtr list = nullptr;
  int count = 0;
  EXPECT_EQ(virDomainGetPerfEvents(domain, &list, &count, flags), 0) << describe(last_failure());
  EXPECT_EQ(count, kEvents);
  std::set<std::string> enabled;
  for (int i = 0; i < count; ++i)
    if (list[i].type == VIR_TYPED_PARAM_BOOLEAN && list[i].value.b != 0) enabled.insert(list[i].field);
  virTypedParamsFree(list, count);
  return enabled;
}

int set_perf_events(virDomainPtr domain, const std::map<std::string, bool>& events, unsigned flags) {
  virTypedParameterPtr list = nullptr;
  int count = 0, room = 0;
  for (const auto& [name, enabled] : events)
    virTypedParamsAddBoolean(&list, &count, &room, name.c_str(), enabled ? 1 : 0);
  const int result = virDomainSetPerfEvents(domain, list, count, flags);
  virTypedParamsFree(list, count);
  return result;
}

std::map<std::string, unsigned long long> perf_counts(virDomainPtr domain) {
  virDomainPtr wanted[] = {domain, nullptr};
  virDomainStatsRecordPtr* records = nullptr;
  const int got = virDomainListGetStats(wanted, VIR_DOMAIN_STATS_PERF, &records, 0);
  EXPECT_EQ(got, 1) << describe(last_failure());
  std::map<std::string, unsigned long long> counts;
  for (int i = 0; i < got; ++i)
    for (int j = 0; j < records[i]->nparams; ++j) {
      const auto& one = records[i]->params[j];
      const std::string field = one.field, prefix = "perf.";
      EXPECT_EQ(field.rfind(prefix, 0), 0U) << field;
      EXPECT_EQ(one.type, VIR_TYPED_PARAM_ULLONG) << field;
      counts[field.substr(prefix.size())] = one.value.ul;
    }
  if (got >= 0) virDomainStatsRecordListFree(records);
  return counts;
}

}  // namespace support
