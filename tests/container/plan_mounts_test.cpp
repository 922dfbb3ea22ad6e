// What a definition says of file systems becomes mounts, or is refused.
#include <gmock/gmock.h>

#include <cerrno>

#include "base/error.hpp"
#include "container/plan_container.hpp"
#include "container/plan_fixture.hpp"

namespace container {
namespace {

using namespace plans;
using domain_xml::FilesystemType;
using testing::HasSubstr;

TEST(Plan, UserFilesystemsInOrder) {
  auto definition = web();
  auto facts = v2_host();
  facts.sources["/srv/data"] = {};
  facts.sources["/etc/hosts"] = {SourceFacts::Kind::Other};
  auto data = filesystem(FilesystemType::Mount, "/srv/data", "/data");
  auto hosts = filesystem(FilesystemType::Mount, "/etc/hosts", "/etc/hosts");
  hosts.readonly = true;
  auto again = filesystem(FilesystemType::Bind, "/data/x", "y");
  auto ram = filesystem(FilesystemType::Ram, "", "/ram");
  ram.ram_usage_bytes = 1048576;
  ram.readonly = true;
  definition.filesystems.insert(definition.filesystems.begin(), data);  // before the root, as XML may have it
  definition.filesystems.insert(definition.filesystems.end(), {hosts, again, ram});
  EXPECT_THAT(plan_text(definition, facts),
              HasSubstr(R"(bind host /srv/data on /data recursive detachable (make directory)
bind host /etc/hosts on /etc/hosts ro recursive detachable (make file)
bind /data/x on /y recursive detachable (make directory)
mount tmpfs on /ram ro,nosuid,nodev size=1048576 detachable (make directory)
)"));  // N11: read-only keeps nosuid and nodev
}

TEST(Plan, N11LimitsOfSpaceHoldOrAreRefused) {
  auto definition = web();
  auto facts = v2_host();
  facts.sources["/srv/data"] = {};
  auto ram = filesystem(FilesystemType::Ram, "", "/ram");
  ram.ram_usage_bytes = 1048576;
  ram.space_hard_limit_bytes = 65536;
  definition.filesystems.push_back(ram);
  EXPECT_THAT(plan_text(definition, facts), HasSubstr("on /ram nosuid,nodev size=65536 "));
  definition.filesystems.back().space_hard_limit_bytes = 1 << 30;
  EXPECT_THAT(plan_text(definition, facts), HasSubstr("on /ram nosuid,nodev size=1048576 "));
  auto data = filesystem(FilesystemType::Mount, "/srv/data", "/data");
  data.space_hard_limit_bytes = 0;
  data.space_soft_limit_bytes = 0;
  definition.filesystems.back() = data;
  EXPECT_THAT(plan_text(definition, facts), HasSubstr("bind host /srv/data on /data")) << "0 is no limit";
  for (auto limit :
       {&domain_xml::Filesystem::space_hard_limit_bytes, &domain_xml::Filesystem::space_soft_limit_bytes}) {
    definition.filesystems.back() = data;
    definition.filesystems.back().*limit = 65536;
    EXPECT_THROW(plan_container(definition, facts, {}), base::Error);
  }
}

TEST(Plan, Images) {
  auto definition = web();
  auto facts = v2_host();
  facts.sources["/srv/a.img"] = facts.sources["/dev/sdb1"] = {SourceFacts::Kind::Other};
  auto file = filesystem(FilesystemType::File, "/srv/a.img", "/a");
  file.driver_type = "loop";
  file.driver_format = "raw";
  file.readonly = true;
  definition.filesystems.insert(definition.filesystems.end(),
                                {file, filesystem(FilesystemType::Block, "/dev/sdb1", "b")});
  EXPECT_THAT(plan_text(definition, facts),
              HasSubstr("image (loop) /srv/a.img on /a ro,nodev detachable (make directory)\n"
                        "image (block) /dev/sdb1 on /b nodev detachable (make directory)\n"));
  definition.filesystems = {filesystem(FilesystemType::File, "/srv/a.img", "/")};
  EXPECT_THAT(plan_text(definition, facts), HasSubstr("root image (loop) /srv/a.img\n"));
  definition.extension.overlay.emplace();
  EXPECT_EQ(refusal(definition, facts).code(), base::Code::ConfigUnsupported) << "an overlay needs a directory";
  for (const auto& [driver, format] : {std::pair("loop", "qcow2"), {"nbd", "raw"}, {"", "qcow2"}}) {
    definition = web();
    file.driver_type = driver;
    file.driver_format = format;
    definition.filesystems.push_back(file);
    EXPECT_EQ(refusal(definition, facts).code(), base::Code::ConfigUnsupported) << driver << format;
  }
  EXPECT_EQ(refusal(
                [&] {
                  auto missing = web();
                  missing.filesystems.push_back(filesystem(FilesystemType::Block, "/dev/gone", "/x"));
                  return missing;
                }(),
                facts)
                .code(),
            base::Code::InternalError);
}

TEST(Plan, AChangeOfFilesystemsUnmountsWhatLiesInnermostFirst) {
  auto before = web(), after = web();
  auto facts = v2_host();
  facts.sources["/srv/data"] = {};
  const auto data = filesystem(FilesystemType::Mount, "/srv/data", "/data");
  before.filesystems.insert(before.filesystems.end(),
                            {data, filesystem(FilesystemType::Mount, "/srv/data", "/data/in")});
  auto changed = data;
  changed.readonly = true;
  after.filesystems.push_back(changed);
  const auto change = plan_mount_change(before, after, facts);
  EXPECT_EQ(change.removed, (std::vector<std::string>{"/data/in", "/data"}));
  ASSERT_EQ(change.added.size(), 1U);
  EXPECT_EQ(change.added[0].target, "/data");
  EXPECT_EQ(plan_mount_change(after, after, facts), MountChange());
  after.filesystems[0].readonly = true;
  EXPECT_THROW(plan_mount_change(before, after, facts), base::Error) << "the root";
}

TEST(Plan, ReadOnlyRoot) {
  auto definition = web();
  definition.filesystems[0].readonly = true;
  EXPECT_THAT(plan_text(definition), HasSubstr("root /srv/web ro\n"));
}

TEST(Plan, TreesShiftedByHandAndTheHostsRootAreNotShifted) {
  auto definition = web();
  definition.idmap.uids = definition.idmap.gids = {{0, 100000, 1000}};
  auto facts = v2_host();
  facts.sources["/srv/web"].owner = 100000;
  EXPECT_FALSE(plan_container(definition, facts, {}).root_idmapped);
  facts.sources["/"] = {};
  definition.filesystems.clear();
  const auto plan = plan_container(definition, facts, {.share_host_root = true});
  EXPECT_EQ(plan.root_source, "/");
  EXPECT_FALSE(plan.root_idmapped);
}

TEST(Plan, WithoutARootBothWaysToOneAreNamed) {
  auto definition = web();
  definition.filesystems.clear();
  const auto error = refusal(definition);
  EXPECT_EQ(error.code(), base::Code::ConfigUnsupported);
  EXPECT_THAT(error.detail(), AllOf(HasSubstr("<target dir='/'/>"), HasSubstr("share_host_root")));
}

TEST(Plan, BindsAreShiftedOnlyWhereMapped) {
  auto definition = web();
  definition.idmap.uids = definition.idmap.gids = {{0, 100000, 1000}};
  auto facts = v2_host();
  facts.sources["/a"] = facts.sources["/b"] = {};
  definition.filesystems.push_back(filesystem(FilesystemType::Mount, "/a", "/a"));
  definition.filesystems.push_back(filesystem(FilesystemType::Mount, "/b", "/b"));
  definition.filesystems.back().access_mode = "mapped";
  const auto text = plan_text(definition, facts);
  EXPECT_THAT(text, HasSubstr("bind host /a on /a recursive detachable (make directory)\n"));
  EXPECT_THAT(text, HasSubstr("bind host /b on /b recursive idmapped detachable (make directory)\n"));
}

TEST(Plan, NoRootFilesystemIsRefused_S10) {
  auto definition = web();
  definition.filesystems.clear();
  const auto error = refusal(definition);
  EXPECT_EQ(error.code(), base::Code::ConfigUnsupported);
  EXPECT_THAT(error.detail(), HasSubstr("<target dir='/'/>"));
}

TEST(Plan, MissingRootIsNamedAndNotMade_L5) {
  auto facts = v2_host();
  facts.sources["/srv/web"].error = ENOENT;
  const auto error = refusal(web(), facts);
  EXPECT_EQ(error.code(), base::Code::InternalError);
  EXPECT_EQ(error.from(), base::From::Lxc);
  EXPECT_THAT(error.detail(), HasSubstr("'/srv/web': No such file or directory"));
  facts.sources["/srv/web"] = {SourceFacts::Kind::Other};
  EXPECT_THAT(refusal(web(), facts).detail(), HasSubstr("'/srv/web': Not a directory"));
}

TEST(Plan, RefusedFilesystems) {
  for (const auto type : {FilesystemType::Template, FilesystemType::Volume}) {
    auto definition = web();
    definition.filesystems.push_back(filesystem(type, "x", "/x"));
    EXPECT_EQ(refusal(definition).code(), base::Code::ConfigUnsupported);
    definition.filesystems = {filesystem(type, "x", "/")};
    EXPECT_EQ(refusal(definition).code(), base::Code::ConfigUnsupported);
  }
  auto definition = web();
  definition.filesystems.push_back(definition.filesystems[0]);
  EXPECT_EQ(refusal(definition).code(), base::Code::ConfigUnsupported);
}

}  // namespace
}  // namespace container
