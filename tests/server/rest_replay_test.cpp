#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "tests/server/http_server.h"
#include "tests/wire/recordings.h"

/// The recorded REST exchanges of a real 1.18.3, in order, against a fresh server of ours.
namespace vecferry {
namespace {

using Json = nlohmann::json;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// "17 GET /collections/named": what the list of differences calls an exchange.
std::string name_of(size_t index, const Json& exchange) {
  const std::string path = exchange["path"];
  constexpr size_t kLongest = 60;
  return std::to_string(index) + " " + exchange["method"].get<std::string>() + " " +
         path.substr(0, kLongest);
}

// Takes out of a reply what two servers need not have in common: docs/serve.md.
void leave_out(Json& json) {
  if (json.is_array()) {
    std::for_each(json.begin(), json.end(), leave_out);
    return;
  }
  if (!json.is_object()) {
    return;
  }
  if (json.contains("creation_time")) {
    json.erase("size");  // of a snapshot; a vector's stays
  }
  for (const char* key : {"time", "usage", "commit", "creation_time", "checksum", "peer_id",
                          "segments_count", "indexed_vectors_count"}) {
    json.erase(key);
  }
  for (const char* unordered : {"aliases", "hits"}) {
    if (json.contains(unordered) && json[unordered].is_array()) {
      std::sort(json[unordered].begin(), json[unordered].end());
    }
  }
  for (auto& member : json) {
    leave_out(member);
  }
}

class Replay {
 public:
  // What differs; empty: nothing.
  std::string run(const Json& exchange) {
    std::string body = exchange.contains("request") ? exchange["request"].dump()
                       : exchange.contains("request_text")
                           ? exchange["request_text"].get<std::string>()
                           : std::string();
    if (exchange.contains("request")) {
      body = as_sent(exchange["request"]);
    }
    const auto got = server_.ask(exchange["method"], ours(exchange["path"]), ours(body));
    if (got.status != exchange["status"]) {
      return "status " + std::to_string(got.status) + " " + got.body;
    }
    if (exchange.contains("response_text")) {
      return got.body == exchange["response_text"] ? "" : got.body;
    }
    Json expected = exchange["response"];
    Json json = Json::parse(got.body, nullptr, false);
    learn(expected, json);
    expected = Json::parse(ours(expected.dump()));
    leave_out(expected);
    leave_out(json);
    if (is_sample(exchange)) {
      for (auto* reply : {&expected, &json}) {
        std::sort((*reply)["result"]["points"].begin(), (*reply)["result"]["points"].end());
      }
    }
    return json == expected ? "" : Json::diff(expected, json).dump();
  }

 private:
  // The recorder wrote ", " and ": " between tokens, and errors count columns.
  static std::string as_sent(const Json& json) {
    if (json.is_object()) {
      std::string out = "{";
      for (const auto& [key, value] : json.items()) {
        out += (out.size() > 1 ? ", " : "") + Json(key).dump() + ": " + as_sent(value);
      }
      return out + "}";
    }
    if (json.is_array()) {
      std::string out = "[";
      for (const auto& value : json) {
        out += (out.size() > 1 ? ", " : "") + as_sent(value);
      }
      return out + "]";
    }
    return json.dump(-1, ' ', true);
  }

  static bool is_sample(const Json& exchange) {
    const auto request = exchange.value("request", Json());
    return request.is_object() && request.value("query", Json()) == Json{{"sample", "random"}};
  }

  // Names that a server gives.
  void learn(const Json& expected, const Json& got) {
    const auto name = Json::json_pointer("/result/name");
    if (expected.contains(name) && got.contains(name)) {
      names_[expected[name]] = got[name];
    }
  }

  std::string ours(std::string text) const {
    for (const auto& [theirs, mine] : names_) {
      text = replaced(text, theirs, mine);
    }
    return replaced(text, "SERVER", "127.0.0.1:" + std::to_string(server_.port()));
  }

  testing::HttpServer server_;
  std::map<std::string, std::string> names_{};
};

TEST(RestReplayTest, ExchangesAreEqualButForThoseThatAreListed) {
  const auto exchanges = testing::recording("rest-1.18.3.jsonl");
  ASSERT_EQ(exchanges.size(), 207U);
  std::ifstream file(std::string(VECFERRY_SOURCE_DIR) +
                     "/tests/golden/qdrant/rest_differences.json");
  const Json listed = Json::parse(file);
  std::map<std::string, std::string> differences;
  Replay replay;
  for (size_t i = 0; i < exchanges.size(); ++i) {
    if (auto difference = replay.run(exchanges[i]); !difference.empty()) {
      differences[name_of(i, exchanges[i])] = std::move(difference);
    }
  }
  for (const auto& [name, difference] : differences) {
    EXPECT_TRUE(listed.contains(name)) << name << ": " << difference;
  }
  for (const auto& [name, reason] : listed.items()) {
    EXPECT_TRUE(differences.contains(name)) << name << " is equal, so it need not be listed";
    EXPECT_GT(reason.get<std::string>().size(), 10U) << name << " is listed without a reason";
  }
  EXPECT_LE(differences.size() * 20, exchanges.size());
}

}  // namespace
}  // namespace vecferry
