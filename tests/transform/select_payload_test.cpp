#include "vecferry/transform/select_payload.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/transform/apply.h"
#include "vecferry/model/canonical_payload.h"

namespace vecferry {
namespace {

using testing::payload_after;

std::string keep(const std::vector<std::string>& paths, std::string payload) {
  return payload_after(*keep_payload(paths).ValueOrDie(), std::move(payload));
}

std::string drop(const std::vector<std::string>& paths, std::string payload) {
  return payload_after(*drop_payload(paths).ValueOrDie(), std::move(payload));
}

constexpr const char* kPayload =
    R"({"a":{"b":1,"c":[1,2]},"a.b":"dotted","list":[{"x":1,"y":2},{"y":3},5],"z":null})";

TEST(SelectPayloadTest, KeepsTopLevelKeys) {
  EXPECT_EQ(keep({"a"}, kPayload), R"({"a":{"b":1,"c":[1,2]}})");
  EXPECT_EQ(keep({"z", "a.c"}, kPayload), R"({"a":{"c":[1,2]},"z":null})");
  EXPECT_EQ(keep({"a", "a.b"}, kPayload), R"({"a":{"b":1,"c":[1,2]}})");
}

TEST(SelectPayloadTest, KeepsNestedKeys) {
  EXPECT_EQ(keep({"a.b"}, kPayload), R"({"a":{"b":1}})");
  EXPECT_EQ(keep({"\"a.b\""}, kPayload), R"({"a.b":"dotted"})");
  EXPECT_EQ(keep({"list[].x"}, kPayload), R"({"list":[{"x":1},{},5]})");
  // As Qdrant's own selectors do: a path into an array says [], and a scalar on the way stays.
  EXPECT_EQ(keep({"list.x"}, kPayload), R"({"list":[]})");
  EXPECT_EQ(keep({"z.deep"}, kPayload), R"({"z":null})");
  EXPECT_EQ(keep({"a.none"}, kPayload), R"({"a":{}})");
}

TEST(SelectPayloadTest, NothingLeftIsNoPayload) {
  EXPECT_EQ(keep({"other"}, kPayload), "");
  EXPECT_EQ(keep({"other"}, ""), "");
  EXPECT_EQ(drop({"a"}, R"({"a":1})"), "");
  EXPECT_EQ(drop({"a"}, ""), "");
}

TEST(SelectPayloadTest, Drops) {
  EXPECT_EQ(drop({"a", "list"}, kPayload), R"({"a.b":"dotted","z":null})");
  EXPECT_EQ(drop({"a.b", "list[].y"}, kPayload),
            R"({"a":{"c":[1,2]},"a.b":"dotted","list":[{"x":1},{},5],"z":null})");
  EXPECT_EQ(drop({"none", "a.none.deeper", "list.x"}, kPayload), kPayload);
}

TEST(SelectPayloadTest, KeysWithEscapesAreFound) {
  EXPECT_EQ(drop({"\"tab\there\""}, R"({"tab\there":1,"x":2})"), R"({"x":2})");
  EXPECT_EQ(keep({"naïve"}, R"({"a":"}{][\",:","naïve":["\\"]})"), R"({"naïve":["\\"]})");
}

TEST(SelectPayloadTest, BadPathsAreUsage) {
  for (const std::string path : {"", "a b", "a.", "[0]", "a[x]", "\"open", "a[0]", "list[0].x"}) {
    EXPECT_EQ(kind_of(keep_payload({path}).status()), ErrorKind::kUsage) << path;
  }
  EXPECT_EQ(kind_of(drop_payload({}).status()), ErrorKind::kUsage);
}

// Against the same rules over parsed JSON.
nlohmann::json select(const nlohmann::json& value, const std::string& path, bool keeping,
                      const std::vector<std::string>& wanted) {
  const auto starts = [](const std::string& text, const std::string& with) {
    return text.rfind(with, 0) == 0 &&
           (text.size() == with.size() || text[with.size()] == '.' || text[with.size()] == '[');
  };
  const auto stays = [&](const std::string& at) {
    for (const std::string& each : wanted) {
      if (starts(at, each) || (keeping && starts(each, at))) {
        return keeping;
      }
    }
    return !keeping;
  };
  if (value.is_object()) {
    auto kept = nlohmann::json::object();
    for (const auto& [key, each] : value.items()) {
      const std::string at = path.empty() ? key : fmt::format("{}.{}", path, key);
      if (stays(at)) {
        kept[key] = select(each, at, keeping, wanted);
      }
    }
    return kept;
  }
  if (value.is_array()) {
    auto kept = nlohmann::json::array();
    for (const auto& each : value) {
      if (stays(path + "[]")) {
        kept.push_back(select(each, path + "[]", keeping, wanted));
      }
    }
    return kept;
  }
  return value;
}

void drop_odd_keys(nlohmann::json& value) {
  if (value.is_object()) {
    for (const char* odd : {"a.b", "n[]", "x\"y", ""}) {
      value.erase(odd);
    }
  }
  for (auto& each : value) {
    if (each.is_structured()) {
      drop_odd_keys(each);
    }
  }
}

TEST(SelectPayloadTest, AgreesWithParsedJson) {
  const std::vector<std::vector<std::string>> choices = {{"a"},
                                                         {"b", "z"},
                                                         {"a.b", "metadata.a"},
                                                         {"a[].b", "b[]"},
                                                         {"z[][].a", "naïve.a.b"},
                                                         {"content", "a.content", "metadata[].z"}};
  testing::Generator random(11);
  for (int i = 0; i < 2000; ++i) {
    auto json = nlohmann::json::parse("{}");
    if (const auto text = random.payload(); !text.empty()) {
      json = nlohmann::json::parse(text);
    }
    drop_odd_keys(json);
    const std::string payload = canonical_payload(json.dump()).ValueOrDie();
    const auto& paths = choices[random.below(choices.size())];
    for (const bool keeping : {true, false}) {
      const std::string expected =
          canonical_payload(select(json, "", keeping, paths).dump()).ValueOrDie();
      EXPECT_EQ(keeping ? keep(paths, payload) : drop(paths, payload), expected) << payload;
    }
  }
}

TEST(SelectPayloadTest, TextThatIsNotJsonIsCorrupt) {
  for (const std::string payload :
       {"{\"a\":", "{\"a\":1", "{\"a\"", "{\"a", "{a}", "{", "{\"a\":1}x", "{\"a\":{\"b\":[}",
        "{\"a\":{1}}", "{,}", "{\"a\":}", "{\"a\":1,}"}) {
    const auto batch = testing::to_batch(default_config({}),
                                         {{.id = PointId::of(uint64_t{17}), .payload = payload}});
    const auto transform = keep_payload({"a.b"}).ValueOrDie();
    const auto made = transform->apply(batch);
    if (made.ok()) {
      // Brackets inside a value that is kept whole are not looked at.
      ADD_FAILURE() << payload << " became " << testing::to_points(**made).front().payload;
      continue;
    }
    EXPECT_EQ(kind_of(made.status()), ErrorKind::kCorrupt) << payload;
    EXPECT_EQ(failure_of(made.status()).where, "point 17");
  }
}

TEST(SelectPayloadTest, CountsAndDescribes) {
  const auto transform = keep_payload({"a", "b.c"}).ValueOrDie();
  EXPECT_EQ(transform->describe(), "keeps only payload keys a, b.c");
  const auto batch = testing::to_batch(
      default_config({}), {{.id = PointId::of(uint64_t{1}), .payload = R"({"a":1})"},
                           {.id = PointId::of(uint64_t{2}), .payload = R"({"a":1,"x":2})"},
                           {.id = PointId::of(uint64_t{3})}});
  ASSERT_TRUE(transform->apply(batch).ok());
  EXPECT_EQ(transform->counts(), (std::map<std::string, uint64_t>{{"payloads_selected", 1}}));
  EXPECT_EQ(transform->clone()->counts().at("payloads_selected"), 0U);
  // Nothing to do: the same batch.
  EXPECT_EQ(keep_payload({"a", "x"}).ValueOrDie()->apply(batch).ValueOrDie(), batch);
}

}  // namespace
}  // namespace vecferry
