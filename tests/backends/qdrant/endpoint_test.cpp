#include <gtest/gtest.h>

#include "vecferry/backends/qdrant/endpoint_internal.h"

namespace vecferry::testing {
namespace {

remote::Endpoint at(const std::string& url, const std::string& grpc_url = {}) {
  return remote::endpoint_of({.url = url, .grpc_url = grpc_url}).ValueOrDie();
}

TEST(Endpoint, PortsAreNeighbours) {
  EXPECT_EQ(at("http://db").rest_url, "http://db:6333");
  EXPECT_EQ(at("http://db").grpc_target, "db:6334");
  EXPECT_EQ(at("http://db:7000/").rest_url, "http://db:7000");
  EXPECT_EQ(at("http://db:7000/").grpc_target, "db:7001");
  EXPECT_EQ(at("qdrant://db:6334").rest_url, "http://db:6333");
  EXPECT_EQ(at("qdrant://db:6334").grpc_target, "db:6334");
  EXPECT_EQ(at("qdrant://db").grpc_target, "db:6334");
  EXPECT_EQ(at("https://db:443/vectors").rest_url, "https://db:443/vectors");
  EXPECT_EQ(at("http://db", "http://other:9").grpc_target, "other:9");
  EXPECT_EQ(at("http://db", "other").grpc_target, "other:6334");
  EXPECT_EQ(at("http://[::1]:7000").grpc_target, "[::1]:7001");
}

TEST(Endpoint, KnowsTlsAndThisMachine) {
  EXPECT_TRUE(at("https://db").tls);
  EXPECT_TRUE(at("qdrants://db").tls);
  EXPECT_FALSE(at("qdrant://db").tls);
  EXPECT_TRUE(at("http://127.0.0.1:6333").loopback);
  EXPECT_TRUE(at("http://[::1]").loopback);
  EXPECT_FALSE(at("http://db").loopback);
}

TEST(Endpoint, WhatIsNoAddressIsSaid) {
  for (const char* text : {"db:6333", "http://", "http://:6333", "http://db:x", "http://db:0",
                           "http://db:70000", "http://db/x?y=1", "ftp://db", ""}) {
    EXPECT_EQ(kind_of(remote::endpoint_of({.url = text}).status()), ErrorKind::kUsage) << text;
  }
  const auto status = remote::endpoint_of({.url = "http://me:s3cret@db"}).status();
  EXPECT_EQ(kind_of(status), ErrorKind::kUsage);
  EXPECT_EQ(status.ToString().find("s3cret"), std::string::npos);
}

}  // namespace
}  // namespace vecferry::testing
