#include "vecferry/model/canonical_payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/model/json_generator.h"

namespace vecferry {
namespace {

using ::testing::HasSubstr;
using testing::JsonGenerator;
using ::testing::StartsWith;

std::string canonical(std::string_view json) {
  auto result = canonical_payload(json);
  EXPECT_TRUE(result.ok()) << result.status() << " for " << json;
  return result.ValueOr("(error)");
}

std::string nested_lists(int depth) {
  const auto levels = static_cast<size_t>(depth - 1);  // the object is one
  return R"({"a":)" + std::string(levels, '[') + std::string(levels, ']') + "}";
}

TEST(CanonicalPayload, IsWhatTheGoldenFileSays) {
  std::ifstream file(VECFERRY_SOURCE_DIR "/tests/golden/canonical_payload.jsonl");
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    const auto pair = nlohmann::json::parse(line);
    EXPECT_EQ(canonical(pair["input"].get<std::string>()), pair["canonical"].get<std::string>())
        << "line " << lines + 1;
  }
  EXPECT_GT(lines, 20);
}

TEST(CanonicalPayload, ReusesItsBuffersWithoutMixingPayloads) {
  PayloadCanonicaliser canonicaliser;
  std::string out = "before:";
  ASSERT_TRUE(
      canonicaliser.append(R"({"long key with text":"\u0041\u0042","a":[1,2,3]})", &out).ok());
  ASSERT_TRUE(canonicaliser.append(R"({"b":2,"a":1})", &out).ok());
  ASSERT_TRUE(canonicaliser.append("{}", &out).ok());
  EXPECT_EQ(out, R"(before:{"a":[1,2,3],"long key with text":"AB"}{"a":1,"b":2})");
}

TEST(CanonicalPayload, LeavesTheOutputAloneAfterAnError) {
  PayloadCanonicaliser canonicaliser;
  std::string out = "before";
  EXPECT_FALSE(canonicaliser.append(R"({"a":[1,2,{"b":tru}]})", &out).ok());
  EXPECT_EQ(out, "before");
  ASSERT_TRUE(canonicaliser.append(R"({"a":1})", &out).ok());
  EXPECT_EQ(out, R"(before{"a":1})");
}

struct BadPayload {
  std::string json;
  std::string message;
};

TEST(CanonicalPayload, SaysWhereBadInputIsBad) {
  const BadPayload cases[] = {
      {R"({"a":1e400})", "at byte 5: a number that JSON does not know or that is not finite"},
      {R"({"a":NaN})", "at byte 5: something that is no JSON value"},
      {R"({"a":-Infinity})", "at byte 5: a number"},
      {R"({"a":01})", "at byte 5: a number"},
      {R"({"a":1.})", "at byte 5: a number"},
      {R"({"a":.5})", "at byte 5: something that is no JSON value"},
      {R"({"a":0x10})", "at byte 5: a number"},
      {std::string("{\"a\":1\0}", 8), "at byte 5: a number"},
      {R"({"a":tru})", "at byte 5: something that is no JSON value"},
      {R"({"a":nulll})", "at byte 5: something that is no JSON value"},
      {R"({"a":"\ud800"})", "at byte 5: a bad escape or a lone surrogate"},
      {R"({"a":"\udc00"})", "at byte 5: a bad escape or a lone surrogate"},
      {R"({"a":"\ud800\u0041"})", "at byte 5: a bad escape or a lone surrogate"},
      {R"({"\ud800":1})", "at byte 1: a bad escape or a lone surrogate"},
      {R"({"a":"\x"})", "at byte 5: a bad escape"},
      {"{\"a\":\"x\ty\"}", "at byte 7: a control character inside a string"},
      {"{\"a\":\"\xFF\"}", "at byte 6: text that is not UTF-8"},
      {"{\"abc\":\"\xED\xA0\x80\"}", "at byte 8: text that is not UTF-8"},
      {"  {\"\xC3\":1}", "at byte 4: text that is not UTF-8"},
      {R"({"a":[1,2})", "at byte 8: a comma, colon, brace or bracket"},
      {R"({"a":1,})", "a comma, colon, brace or bracket too many or missing"},
      {R"({"a" 1})", "a comma, colon, brace or bracket too many or missing"},
      {R"({a:1})", "a comma, colon, brace or bracket too many or missing"},
      {R"({"a":1}})", "at byte 7: text after the end"},
      {R"({"a":1}{"b":2})", "at byte 7: text after the end"},
      {R"({"a":1} x)", "at byte 9: it ends before the object does, or in something else"},
      {R"({"a":[1,{"b")", "at byte 12: it ends before the object does"},
      {R"({"a":"b)", "at byte 7: a string without an end"},
      {"[1]", "starts with '['"},
      {"1", "starts with '1'"},
      {"nulll", "starts with 'n'"},
      {"\xEF\xBB\xBF{}", "starts with '\\xef'"},
  };
  for (const auto& [json, message] : cases) {
    const auto result = canonical_payload(json);
    ASSERT_FALSE(result.ok()) << json;
    EXPECT_EQ(kind_of(result.status()), ErrorKind::kCorrupt) << json;
    EXPECT_THAT(result.status().message(), HasSubstr(message)) << json;
  }
}

TEST(CanonicalPayload, ReadsTheDepthItPromisesAndRefusesMore) {
  EXPECT_EQ(canonical(nested_lists(kMaxReadDepth)), nested_lists(kMaxReadDepth));
  for (const int depth : {kMaxReadDepth + 1, 10'000}) {
    const auto result = canonical_payload(nested_lists(depth));
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(kind_of(result.status()), ErrorKind::kCorrupt);
    EXPECT_THAT(result.status().message(), HasSubstr("nested deeper than 1000 levels"));
  }
}

TEST(CanonicalPayload, SortsManyKeysAndKeepsTheLastOfEqualOnes) {
  std::string json = "{";
  for (int round = 0; round < 2; ++round) {
    for (int i = 999; i >= 0; --i) {
      json +=
          (json.size() > 1 ? ",\"" : "\"") + std::to_string(i) + "\":" + std::to_string(i + round);
    }
  }
  json += "}";
  const auto parsed = nlohmann::json::parse(canonical(json));
  ASSERT_EQ(parsed.size(), 1000U);
  EXPECT_EQ(parsed["7"], 8);
  EXPECT_THAT(canonical(json), StartsWith(R"({"0":1,"1":2,"10":11,"100":101,)"));
}

TEST(CanonicalPayload, CountsLevels) {
  EXPECT_EQ(nesting_depth("{}"), 1);
  EXPECT_EQ(nesting_depth("1"), 0);
  EXPECT_EQ(nesting_depth(R"({"a":[{"b":1}],"c":{}})"), 3);
  EXPECT_EQ(nesting_depth(R"({"[[[[\"{{":"]]\\"})"), 1);
  EXPECT_EQ(nesting_depth(nested_lists(500)), 500);
}

TEST(CanonicalPayload, PrintsFloatsAsRyuDoes) {
  const std::pair<double, const char*> cases[] = {
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {1.0, "1.0"},
      {-1.5, "-1.5"},
      {1e15, "1000000000000000.0"},
      {1e16, "1e16"},
      {1.25e16, "1.25e16"},
      {-1e300, "-1e300"},
      {0.00001, "0.00001"},
      {0.000001, "1e-6"},
      {1.5e-7, "1.5e-7"},
      {5e-324, "5e-324"},
      {0.1, "0.1"},
      {1.0 / 3, "0.3333333333333333"},
      {123456.789, "123456.789"},
      {1.7976931348623157e308, "1.7976931348623157e308"}};
  for (const auto& [value, expected] : cases) {
    std::string text;
    append_float(value, &text);
    EXPECT_EQ(text, expected);
  }
}

RC_GTEST_PROP(CanonicalPayloadProperty, FloatsReadBackAsTheSameBits, (uint64_t bits)) {
  const auto value = std::bit_cast<double>(bits);
  RC_PRE(std::isfinite(value));
  std::string text;
  append_float(value, &text);
  RC_ASSERT(std::bit_cast<uint64_t>(std::strtod(text.c_str(), nullptr)) == bits);
  RC_ASSERT(text.find_first_of(".e") != std::string::npos);
}

RC_GTEST_PROP(CanonicalPayloadProperty, IgnoresKeyOrderBlanksAndEscapes, (uint64_t seed)) {
  JsonGenerator generator(seed);
  const auto object = generator.object();
  const std::string first = generator.spelling(object);
  const std::string second = generator.spelling(object);
  RC_ASSERT(canonical(first) == canonical(second));
}

RC_GTEST_PROP(CanonicalPayloadProperty, IsIdempotent, (uint64_t seed)) {
  JsonGenerator generator(seed);
  const std::string once = canonical(generator.spelling(generator.object()));
  RC_ASSERT(canonical(once) == once);
}

RC_GTEST_PROP(CanonicalPayloadProperty, KeepsTheMeaning, (uint64_t seed)) {
  JsonGenerator generator(seed);
  const std::string text = generator.spelling(generator.object());
  const std::string result = canonical(text);
  RC_ASSERT(nlohmann::json::parse(result.empty() ? "{}" : result) == nlohmann::json::parse(text));
}

// Tokens of any length, by the C library's conversion.
RC_GTEST_PROP(CanonicalPayloadProperty, KeepsTheValueOfAnyNumber, (uint64_t seed)) {
  JsonGenerator generator(seed);
  const auto digits = [&](size_t most) {
    std::string text;
    for (size_t i = 1 + generator.below(most); i > 0; --i) {
      text += static_cast<char>('0' + (generator.below(3) == 0 ? 0 : generator.below(10)));
    }
    return text;
  };
  std::string token = generator.below(2) == 0 ? "-" : "";
  token += generator.below(2) == 0 ? "0" : std::to_string(1 + generator.below(9)) + digits(25);
  token += generator.below(4) == 0 ? "" : "." + digits(30);
  if (generator.below(4) == 0) {
    const char* const marks[] = {"e", "E", "e+", "e-", "E-"};
    token += marks[generator.below(std::size(marks))] + digits(3);
  }
  const double value = std::strtod(token.c_str(), nullptr);
  RC_LOG() << token;
  const auto result = canonical_payload("{\"n\":" + token + "}");
  RC_ASSERT(result.ok() == std::isfinite(value));
  if (result.ok()) {
    const std::string printed = result->substr(5, result->size() - 6);
    RC_ASSERT(std::bit_cast<uint64_t>(std::strtod(printed.c_str(), nullptr)) ==
              std::bit_cast<uint64_t>(value));
    std::string again;
    if (printed.find_first_of(".e") != std::string::npos) {
      append_float(value, &again);
      RC_ASSERT(printed == again);
    }
  }
}

// Another parser says what is JSON: damaged text is refused by both or read by both.
RC_GTEST_PROP(CanonicalPayloadProperty, AgreesWithAnotherParserOnDamagedText, (uint64_t seed)) {
  JsonGenerator generator(seed);
  std::string text = generator.spelling(generator.object());
  static constexpr std::string_view kBytes = "{}[]\",:\\0123456789-+.eEtfnu \n\x01\x80\xC3\xFFx";
  for (size_t edits = 1 + generator.below(3); edits > 0 && !text.empty(); --edits) {
    const size_t place = generator.below(text.size());
    const char byte = kBytes[generator.below(kBytes.size())];
    switch (generator.below(3)) {
      case 0:
        text[place] = byte;
        break;
      case 1:
        text.insert(place, 1, byte);
        break;
      default:
        text.erase(place, 1);
        break;
    }
  }
  nlohmann::json expected;
  bool valid = true;
  try {
    expected = nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception&) {
    valid = false;
  }
  const auto result = canonical_payload(text);
  const bool blank = text.find_first_not_of(" \t\r\n") == std::string::npos;
  RC_LOG() << text;
  RC_ASSERT(result.ok() == (blank || (valid && (expected.is_object() || expected.is_null()))));
}

}  // namespace
}  // namespace vecferry
