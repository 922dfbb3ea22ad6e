// What an interface may carry, asked and set while it runs and for its next start.
#include <initializer_list>
#include <string>
#include <vector>

#include "driver/device_fixture.hpp"

namespace {

using namespace test;

class BandwidthTest : public DevicesTest {
 protected:
  struct Given {
    const char* name;
    unsigned value;
  };
  static int tune(virDomainPtr domain, const char* device, std::initializer_list<Given> given, unsigned flags) {
    virTypedParameterPtr params = nullptr;
    int count = 0, room = 0;
    for (const Given& one : given) virTypedParamsAddUInt(&params, &count, &room, one.name, one.value);
    const int result = code(virDomainSetInterfaceParameters(domain, device, params, count, flags));
    virTypedParamsFree(params, count);
    return result;
  }
  static std::string shown(virDomainPtr domain, const char* device, unsigned flags) {
    int count = 0;
    EXPECT_EQ(virDomainGetInterfaceParameters(domain, device, nullptr, &count, flags), 0) << message();
    std::vector<virTypedParameter> params(static_cast<std::size_t>(count));
    EXPECT_EQ(virDomainGetInterfaceParameters(domain, device, params.data(), &count, flags), 0) << message();
    std::string text;
    for (const auto& param : params) text += (text.empty() ? "" : " ") + std::to_string(param.value.ui);
    return text;
  }
};

TEST_F(BandwidthTest, IsSetAndToldInBothDefinitions) {
  const virDomainPtr domain = running("web");
  ASSERT_EQ(attach(domain, nic(mac(1)), kBoth), VIR_ERR_OK);
  const char* const device = "52:54:00:00:00:01";
  EXPECT_EQ(shown(domain, device, 0), "0 0 0 0 0 0 0");
  ASSERT_EQ(tune(domain, device,
                 {{VIR_DOMAIN_BANDWIDTH_IN_AVERAGE, 100},
                  {VIR_DOMAIN_BANDWIDTH_IN_PEAK, 200},
                  {VIR_DOMAIN_BANDWIDTH_OUT_AVERAGE, 50},
                  {VIR_DOMAIN_BANDWIDTH_OUT_BURST, 7}},
                 kBoth),
            VIR_ERR_OK)
      << message();
  EXPECT_EQ(shown(domain, device, kLive), "100 200 0 0 50 0 7");
  EXPECT_EQ(shown(domain, device, kConfig), "100 200 0 0 50 0 7");
  EXPECT_EQ(daemon_.guest(domain).interfaces.at(0).bandwidth->outbound->burst, 7u);
  const std::string host_end = live(domain).interfaces.at(0).target_dev;
  ASSERT_EQ(tune(domain, host_end.c_str(), {{VIR_DOMAIN_BANDWIDTH_IN_AVERAGE, 0}}, kLive), VIR_ERR_OK) << message();
  EXPECT_EQ(shown(domain, device, kLive), "0 0 0 0 50 0 7");
  EXPECT_EQ(shown(domain, device, kConfig), "100 200 0 0 50 0 7");
  ASSERT_EQ(tune(domain, device, {{VIR_DOMAIN_BANDWIDTH_OUT_AVERAGE, 0}}, kLive), VIR_ERR_OK);
  EXPECT_FALSE(live(domain).interfaces.at(0).bandwidth);
}

TEST_F(BandwidthTest, BadParametersAreRefused) {
  const virDomainPtr domain = running("web");
  ASSERT_EQ(attach(domain, nic(mac(1)), kBoth), VIR_ERR_OK);
  const char* const device = "52:54:00:00:00:01";
  EXPECT_EQ(tune(domain, "nothere", {{VIR_DOMAIN_BANDWIDTH_IN_AVERAGE, 1}}, 0), VIR_ERR_INVALID_ARG);
  EXPECT_EQ(tune(domain, device, {{"inbound.colour", 1}}, 0), VIR_ERR_INVALID_ARG);
  EXPECT_EQ(tune(domain, device, {{VIR_DOMAIN_BANDWIDTH_IN_PEAK, 1}}, 0), VIR_ERR_INVALID_ARG);
  EXPECT_EQ(tune(domain, device, {{VIR_DOMAIN_BANDWIDTH_IN_FLOOR, 1}}, 0), VIR_ERR_CONFIG_UNSUPPORTED);
  EXPECT_EQ(tune(domain, device, {{VIR_DOMAIN_BANDWIDTH_IN_AVERAGE, 1}}, 8), VIR_ERR_INVALID_ARG);
  int count = 0;
  EXPECT_EQ(code(virDomainGetInterfaceParameters(domain, device, nullptr, &count, kBoth)), VIR_ERR_INVALID_ARG);
  EXPECT_EQ(shown(domain, device, 0), "0 0 0 0 0 0 0");
}

}  // namespace
