#include "vecferry/wire/grpc_replies.h"

#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>
#include <points.pb.h>
#include <snapshots.pb.h>

namespace vecferry::wire {
namespace {

TEST(GrpcReplies, Facets) {
  qdrant::FacetResponse reply;
  ASSERT_TRUE(
      fill(R"({"hits":[{"value":"a","count":3},{"value":-2,"count":2},{"value":true,"count":1}]})",
           &reply)
          .ok());
  ASSERT_EQ(reply.hits_size(), 3);
  EXPECT_EQ(reply.hits(0).value().string_value(), "a");
  EXPECT_EQ(reply.hits(0).count(), 3U);
  EXPECT_EQ(reply.hits(1).value().integer_value(), -2);
  EXPECT_TRUE(reply.hits(2).value().bool_value());
}

TEST(GrpcReplies, Snapshots) {
  qdrant::SnapshotDescription snapshot;
  ASSERT_TRUE(
      fill(
          SnapshotInfo{
              .name = "s", .created = "2026-11-23T02:14:25", .size_bytes = 7, .sha256 = "ab"},
          &snapshot)
          .ok());
  EXPECT_EQ(snapshot.name(), "s");
  EXPECT_EQ(snapshot.size(), 7);
  EXPECT_EQ(snapshot.checksum(), "ab");
  EXPECT_EQ(google::protobuf::util::TimeUtil::ToString(snapshot.creation_time()),
            "2026-11-23T02:14:25Z");
  qdrant::SnapshotDescription bare;
  ASSERT_TRUE(fill(SnapshotInfo{.name = "s"}, &bare).ok());
  EXPECT_FALSE(bare.has_creation_time());
  EXPECT_FALSE(bare.has_checksum());
}

TEST(GrpcReplies, WhatIsNoResultIsAnError) {
  qdrant::FacetResponse reply;
  EXPECT_EQ(kind_of(fill("{", &reply)), ErrorKind::kInternal);
  EXPECT_EQ(kind_of(fill(R"({"hits":[{"count":1}]})", &reply)), ErrorKind::kInternal);
  qdrant::SnapshotDescription snapshot;
  EXPECT_FALSE(fill(SnapshotInfo{.name = "s", .created = "yesterday"}, &snapshot).ok());
}

}  // namespace
}  // namespace vecferry::wire
