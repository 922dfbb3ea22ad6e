// Descriptors with calls and with replies.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "rpc/raw_client.hpp"

namespace rpc_test {
namespace {

using Hostname = rpc::proc::ConnectGetHostname;

TEST(DescriptorTest, DescriptorsReachTheHandler) {
  std::string seen;
  TestServer server;
  server.table.on<rpc::proc::DomainCreateWithFiles>(rpc::Run::Worker,
                                                    [&](rpc::Call& call, const rpc::DomainCreateWithFilesArgs& args) {
                                                      for (const auto& fd : call.fds_in) {
                                                        char text[16] = {};
                                                        EXPECT_GT(::pread(fd.get(), text, sizeof text, 0), 0);
                                                        EXPECT_NE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
                                                        seen += text;
                                                      }
                                                      return rpc::DomainCreateWithFilesRet{args.dom};
                                                    });
  add_hostname(server);
  server.start();
  RawClient client = server.connect_open();
  auto header = client.call_header(rpc::kRemoteProgram, rpc::proc::DomainCreateWithFiles::kNumber);
  header.type = static_cast<std::int32_t>(rpc::NetMessageType::CallWithFds);
  client.send(header, encoded(rpc::DomainCreateWithFilesArgs{}), 32);
  for (int i = 0; i < 32; ++i) {
    char path[] = "/tmp/rpc-fd-XXXXXX";
    const base::Fd file(::mkstemp(path));
    ::unlink(path);
    const std::string text = std::to_string(i) + ",";
    ASSERT_EQ(::write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    client.send_fd(file.get());
  }
  const auto next = client.call<Hostname>();
  std::set<std::uint32_t> serials{client.expect().header.serial, client.expect().header.serial};
  EXPECT_TRUE(serials.contains(next));
  EXPECT_TRUE(seen.starts_with("0,1,2,3,")) << seen;
  EXPECT_TRUE(seen.ends_with("30,31,")) << seen;
}

TEST(DescriptorTest, DescriptorsGoBackWithTheReply) {
  TestServer server;
  server.table.on<rpc::proc::LxcDomainOpenNamespace>(
      rpc::Run::Inline, [](rpc::Call& call, const rpc::LxcDomainOpenNamespaceArgs& args) {
        for (std::uint32_t i = 0; i < args.flags; ++i)
          call.fds_out.push_back(base::open_file("/proc/self/ns/net", O_RDONLY));
        return rpc::Nothing{};
      });
  add_hostname(server);
  server.start();
  RawClient client = server.connect_open();
  client.call<rpc::proc::LxcDomainOpenNamespace>({{}, 4});
  client.call<Hostname>();
  const Received reply = client.expect();
  EXPECT_TRUE(reply.header.is(rpc::NetMessageType::ReplyWithFds));
  ASSERT_EQ(reply.fds.size(), 4u);
  struct stat ours {};
  struct stat theirs {};
  ASSERT_EQ(::stat("/proc/self/ns/net", &ours), 0);
  ASSERT_EQ(::fstat(reply.fds[3].get(), &theirs), 0);
  EXPECT_EQ(ours.st_ino, theirs.st_ino);
  EXPECT_EQ(decoded<rpc::ConnectGetHostnameRet>(client.expect().payload).hostname, "here");

  client.call<rpc::proc::LxcDomainOpenNamespace>({{}, 0});
  EXPECT_TRUE(client.expect().header.is(rpc::NetMessageType::Reply));
  client.call<rpc::proc::LxcDomainOpenNamespace>({{}, 33});
  EXPECT_EQ(client.expect_error().code, 39);
}

}  // namespace
}  // namespace rpc_test
