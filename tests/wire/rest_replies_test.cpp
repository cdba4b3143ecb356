#include "vecferry/wire/rest_replies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/wire/recordings.h"
#include "vecferry/wire/rest_settings.h"

namespace vecferry::wire {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::Pair;
using vecferry::testing::recording;

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// The reader for an exchange; replies with points have tests of their own, and queries are not
// read.
Status read(const json& exchange, const std::string& path, std::string* kind) {
  const auto method = exchange["method"].get<std::string>();
  const auto& response = exchange["response"];
  const std::string result =
      response.contains("result") ? response["result"].dump() : response.dump();
  const auto slashes = std::count(path.begin(), path.end(), '/');
  const auto as = [&](const char* name) {
    *kind = name;
    return true;
  };
  if (path == "/") {
    return as("version"), version_of(result).status();
  }
  if (path == "/collections") {
    return as("names"), collection_names(result).status();
  }
  if (ends_with(path, "/aliases")) {
    return method == "GET" ? (as("aliases"), alias_pairs(result).status())
                           : (as("flag"), flag_of(result).status());
  }
  if (ends_with(path, "/exists")) {
    return as("exists"), exists_of(result).status();
  }
  if (ends_with(path, "/count")) {
    return as("count"), count_of(result).status();
  }
  if (ends_with(path, "/cluster")) {
    return path == "/cluster" ? Status::OK() : (as("cluster"), cluster_of(result).status());
  }
  if (path.find("/snapshots") != std::string::npos) {
    return method == "GET"    ? (as("snapshots"), snapshots_of(result).status())
           : method == "POST" ? (as("snapshot"), snapshot_of(result).status())
                              : (as("flag"), flag_of(result).status());
  }
  if (ends_with(path, "/points/batch")) {
    *kind = "update";
    for (const auto& update : response["result"]) {
      ARROW_RETURN_NOT_OK(update_of(update.dump()).status());
    }
    return Status::OK();
  }
  const bool reads_points = method == "GET" || ends_with(path, "/scroll") ||
                            (ends_with(path, "/points") && method == "POST") ||
                            path.find("/query") != std::string::npos || ends_with(path, "/search");
  if (slashes == 2 && method == "GET") {
    return as("info"), state_of_info(result).status();
  }
  if (slashes == 2) {
    return as("flag"), flag_of(result).status();
  }
  if (reads_points || ends_with(path, "/facet")) {
    return Status::OK();
  }
  return as("update"), update_of(result).status();
}

TEST(RestReplies, EveryRecordedOneIsRead) {
  std::map<std::string, size_t> seen;
  for (const auto& exchange : recording("rest-1.18.3.jsonl")) {
    if (exchange["status"] != 200 || !exchange.contains("response")) {
      continue;
    }
    auto path = exchange["path"].get<std::string>();
    path = path.substr(0, path.find('?'));
    std::string kind = "points";
    const Status status = read(exchange, path, &kind);
    EXPECT_TRUE(status.ok()) << status << exchange["method"] << path;
    ++seen[kind];
  }
  for (const char* kind : {"version", "names", "aliases", "exists", "count", "cluster", "snapshot",
                           "snapshots", "info", "flag", "update"}) {
    EXPECT_GT(seen[kind], 0U) << kind;
  }
}

TEST(RestReplies, Values) {
  EXPECT_THAT(alias_pairs(R"({"aliases":[{"alias_name":"a","collection_name":"c"}]})").ValueOrDie(),
              ElementsAre(Pair("a", "c")));
  EXPECT_EQ(update_of(R"({"operation_id":null,"status":"wait_timeout"})").ValueOrDie().status,
            UpdateStatus::kWaitTimeout);
  EXPECT_EQ(update_of(R"({"operation_id":7,"status":"completed"})").ValueOrDie().operation_id, 7U);
  const auto snapshot = snapshot_of(R"({"name":"s","creation_time":null,"size":5})").ValueOrDie();
  EXPECT_EQ(snapshot.size_bytes, 5U);
  EXPECT_EQ(snapshot.sha256, "");
  const auto cluster =
      cluster_of(R"({"peer_id":1,"shard_count":2,"local_shards":[{"shard_id":1,"shard_key":"5",
                     "points_count":3,"state":"Active"}],"remote_shards":[{"shard_id":2,"shard_key":5,
                     "peer_id":9,"state":"Dead"}],"shard_transfers":[{}]})")
          .ValueOrDie();
  ASSERT_EQ(cluster.replicas.size(), 2U);
  EXPECT_EQ(cluster.replicas[0].peer_id, 1U);
  EXPECT_EQ(cluster.replicas[0].shard_key, "\"5\"");
  EXPECT_EQ(cluster.replicas[1].peer_id, 9U);
  EXPECT_EQ(cluster.replicas[1].shard_key, "5");
  EXPECT_EQ(cluster.transfers, 1U);
}

TEST(RestReplies, WhatIsNone) {
  for (const char* text : {"", "x", "null", "5", "[]", "{}", "\"x\""}) {
    EXPECT_EQ(kind_of(version_of(text).status()), ErrorKind::kCorrupt) << text;
    EXPECT_EQ(kind_of(collection_names(text).status()), ErrorKind::kCorrupt) << text;
    EXPECT_EQ(kind_of(alias_pairs(text).status()), ErrorKind::kCorrupt) << text;
    EXPECT_EQ(kind_of(exists_of(text).status()), ErrorKind::kCorrupt) << text;
    EXPECT_EQ(kind_of(count_of(text).status()), ErrorKind::kCorrupt) << text;
    EXPECT_EQ(kind_of(flag_of(text).status()), ErrorKind::kCorrupt) << text;
    EXPECT_EQ(kind_of(update_of(text).status()), ErrorKind::kCorrupt) << text;
    EXPECT_EQ(kind_of(snapshot_of(text).status()), ErrorKind::kCorrupt) << text;
    EXPECT_EQ(kind_of(cluster_of(text).status()), ErrorKind::kCorrupt) << text;
  }
  EXPECT_EQ(kind_of(snapshots_of("{}").status()), ErrorKind::kCorrupt);
  EXPECT_EQ(kind_of(update_of(R"({"status":"new_word"})").status()), ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace vecferry::wire
