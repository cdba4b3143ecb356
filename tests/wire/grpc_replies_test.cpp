#include "vecferry/wire/grpc_replies.h"

#include <collections.pb.h>
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
  ASSERT_TRUE(fill(R"({"name":"s","creation_time":"2026-11-23T02:14:25","size":7,"checksum":"ab"})",
                   &snapshot)
                  .ok());
  EXPECT_EQ(snapshot.name(), "s");
  EXPECT_EQ(snapshot.size(), 7);
  EXPECT_EQ(snapshot.checksum(), "ab");
  EXPECT_EQ(google::protobuf::util::TimeUtil::ToString(snapshot.creation_time()),
            "2026-11-23T02:14:25Z");
  qdrant::SnapshotDescription bare;
  ASSERT_TRUE(fill(R"({"name":"s","creation_time":null,"size":0,"checksum":null})", &bare).ok());
  EXPECT_FALSE(bare.has_creation_time());
  EXPECT_FALSE(bare.has_checksum());
}

TEST(GrpcReplies, Shards) {
  qdrant::CollectionClusterInfoResponse reply;
  ASSERT_TRUE(fill(R"({"peer_id":9,"shard_count":2,"shard_transfers":[],
      "local_shards":[{"shard_id":0,"points_count":7,"state":"Active"}],
      "remote_shards":[{"shard_id":1,"peer_id":8,"state":"Dead","shard_key":"k"}]})",
                   &reply)
                  .ok());
  EXPECT_EQ(reply.peer_id(), 9U);
  EXPECT_EQ(reply.local_shards(0).points_count(), 7U);
  EXPECT_EQ(reply.remote_shards(0).state(), qdrant::Dead);
  EXPECT_EQ(reply.remote_shards(0).shard_key().keyword(), "k");
  EXPECT_FALSE(fill(R"({"peer_id":9,"shard_count":1,"remote_shards":[],
      "local_shards":[{"shard_id":0,"points_count":7,"state":"Asleep"}]})",
                    &reply)
                   .ok());

  qdrant::ListShardKeysResponse keys;
  ASSERT_TRUE(fill(R"({"shard_keys":[{"key":"5"},{"key":5}]})", &keys).ok());
  ASSERT_EQ(keys.shard_keys_size(), 2);
  EXPECT_EQ(keys.shard_keys(0).key().keyword(), "5");
  EXPECT_EQ(keys.shard_keys(1).key().number(), 5U);
  qdrant::ListShardKeysResponse none;
  ASSERT_TRUE(fill("{}", &none).ok());
  EXPECT_EQ(none.shard_keys_size(), 0);
}

TEST(GrpcReplies, WhatIsNoResultIsAnError) {
  qdrant::FacetResponse reply;
  EXPECT_EQ(kind_of(fill("{", &reply)), ErrorKind::kInternal);
  EXPECT_EQ(kind_of(fill(R"({"hits":[{"count":1}]})", &reply)), ErrorKind::kInternal);
  qdrant::SnapshotDescription snapshot;
  EXPECT_FALSE(fill(R"({"name":"s","size":0,"creation_time":"yesterday"})", &snapshot).ok());
}

}  // namespace
}  // namespace vecferry::wire
