#include "engine/endpoint.h"

#include <gtest/gtest.h>

namespace bulkhead::engine {
namespace {

struct UrlCase {
  std::string name, url, tls_directory, base, unix_path;
};
class EndpointUrl : public ::testing::TestWithParam<UrlCase> {};

TEST_P(EndpointUrl, IsTakenApart) {
  const auto target = parse_endpoint({GetParam().url, GetParam().tls_directory, true});
  ASSERT_TRUE(target) << target.error().message;
  EXPECT_EQ(target->base, GetParam().base);
  EXPECT_EQ(target->unix_path, GetParam().unix_path);
  EXPECT_EQ(target->tls, target->base.starts_with("https"));
}

INSTANTIATE_TEST_SUITE_P(
    All, EndpointUrl,
    ::testing::Values(
        UrlCase{"Unix", "unix:///run/docker.sock", "", "http://127.0.0.1", "/run/docker.sock"},
        UrlCase{"UnixWithTls", "unix:///d.sock", "/certs", "http://127.0.0.1", "/d.sock"},
        UrlCase{"Tcp", "tcp://10.0.0.1:1234", "", "http://10.0.0.1:1234", ""},
        UrlCase{"TcpUsualPort", "tcp://host", "", "http://host:2375", ""},
        UrlCase{"TcpWithCertificates", "tcp://host", "/certs", "https://host:2376", ""},
        UrlCase{"Six", "tcp://[fd00::1]:2375/", "", "http://[fd00::1]:2375", ""},
        UrlCase{"SixUsualPort", "https://[fd00::1]", "", "https://[fd00::1]:2376", ""},
        UrlCase{"Http", "http://host:80", "/certs", "http://host:80", ""}),
    [](const auto& row) { return row.param.name; });

TEST(EndpointUrl, WhatIsNoneIsRefused) {
  for (const std::string url : {"", "docker.sock", "unix://", "unix://relative", "ftp://host",
                                "ssh://host", "tcp://", "tcp://user@host", "tcp://host/path",
                                "tcp://host?x", "tcp://ho st", "tcp://host\r\nX: y"}) {
    EXPECT_FALSE(parse_endpoint({url, "", true})) << url;
  }
  EXPECT_FALSE(parse_endpoint({"unix:///" + std::string(200, 'a'), "", true}));
}

}  // namespace
}  // namespace bulkhead::engine
