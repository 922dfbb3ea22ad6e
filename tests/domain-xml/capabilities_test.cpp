#include "domain-xml/capabilities.hpp"

#include <gtest/gtest.h>

#include "domain-xml/node.hpp"

namespace domain_xml {
namespace {

HostCapabilities host() {
  HostCapabilities capabilities;
  capabilities.host_uuid = *base::parse_uuid("4c2e570a-93a2-4e2e-8a70-ca33acfb7658");
  capabilities.arch = "x86_64";
  capabilities.page_sizes_kib = {4, 2048};
  capabilities.cells = {{.id = 0,
                         .memory_kib = 4417740,
                         .pages = {{4, 1104435}, {2048, 0}},
                         .distances = {{0, 10}},
                         .cpus = {{.id = 0, .core = 0, .siblings = "0"}, {.id = 1, .core = 1, .siblings = "1"}}}};
  capabilities.caches = {{.id = 0, .level = 3, .type = "both", .size_kib = 32768, .cpus = "0-1"}};
  capabilities.emulator = "/usr/libexec/lxcell-supervisor";
  return capabilities;
}

constexpr char kExpected[] = R"(<capabilities>

  <host>
    <uuid>4c2e570a-93a2-4e2e-8a70-ca33acfb7658</uuid>
    <cpu>
      <arch>x86_64</arch>
      <pages unit='KiB' size='4'/>
      <pages unit='KiB' size='2048'/>
    </cpu>
    <power_management/>
    <iommu support='no'/>
    <topology>
      <cells num='1'>
        <cell id='0'>
          <memory unit='KiB'>4417740</memory>
          <pages unit='KiB' size='4'>1104435</pages>
          <pages unit='KiB' size='2048'>0</pages>
          <distances>
            <sibling id='0' value='10'/>
          </distances>
          <cpus num='2'>
            <cpu id='0' socket_id='0' die_id='0' core_id='0' siblings='0'/>
            <cpu id='1' socket_id='0' die_id='0' core_id='1' siblings='1'/>
          </cpus>
        </cell>
      </cells>
    </topology>
    <cache>
      <bank id='0' level='3' type='both' size='32' unit='MiB' cpus='0-1'/>
    </cache>
    <secmodel>
      <model>none</model>
      <doi>0</doi>
    </secmodel>
  </host>

  <guest>
    <os_type>exe</os_type>
    <arch name='x86_64'>
      <wordsize>64</wordsize>
      <emulator>/usr/libexec/lxcell-supervisor</emulator>
      <domain type='lxc'/>
    </arch>
  </guest>

  <guest>
    <os_type>exe</os_type>
    <arch name='i686'>
      <wordsize>32</wordsize>
      <emulator>/usr/libexec/lxcell-supervisor</emulator>
      <domain type='lxc'/>
    </arch>
  </guest>

</capabilities>
)";

TEST(Capabilities, LayoutOfLibvirt) {
  EXPECT_EQ(format_capabilities(host()), kExpected);
}

TEST(Capabilities, SelinuxHasTheContextOfContainersThatNameNone) {
  HostCapabilities capabilities = host();
  capabilities.security_model = "selinux";
  capabilities.security_base_label = "system_u:system_r:container_t:s0";
  EXPECT_NE(format_capabilities(capabilities)
                .find("      <model>selinux</model>\n      <doi>0</doi>\n"
                      "      <baselabel type='lxc'>system_u:system_r:container_t:s0</baselabel>\n    </secmodel>"),
            std::string::npos);
}

TEST(Capabilities, HostWithoutSiblingOffersOneGuest) {
  HostCapabilities capabilities = host();
  capabilities.arch = "riscv64";
  const Document document(format_capabilities(capabilities), "(capabilities)");
  EXPECT_EQ(document.root().children("guest").size(), 1u);
}

TEST(Capabilities, Siblings) {
  EXPECT_EQ(sibling_arch("aarch64"), "armv7l");
  EXPECT_EQ(sibling_arch("s390x"), "s390");
  EXPECT_EQ(sibling_arch("i686"), "");
}

}  // namespace
}  // namespace domain_xml
