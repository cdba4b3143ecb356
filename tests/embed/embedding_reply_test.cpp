#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "vecferry/embed/embedding_reply_internal.h"

namespace vecferry {
namespace {

using Floats = std::vector<float>;

std::string what_of(const Result<Floats>& result) {
  return result.ok() ? "no error" : failure_of(result.status()).what;
}

TEST(EmbeddingRequest, IsThatOfOpenAi) {
  const std::vector<std::string> texts = {"a \"quoted\" word", "größer\n"};
  EXPECT_EQ(embedding_request("m", texts, false),
            R"({"input":["a \"quoted\" word","größer\n"],"model":"m"})");
  EXPECT_EQ(embedding_request("m", {}, true),
            R"({"encoding_format":"base64","input":[],"model":"m"})");
}

TEST(EmbeddingReply, TheIndexDecidesTheOrder) {
  const auto vectors = parse_embedding_reply(
      R"({"data":[{"index":1,"embedding":[3,-4.5]},{"index":0,"embedding":[1e-3,2]}]})", 2, 2);
  EXPECT_EQ(vectors.ValueOrDie(), (Floats{1e-3F, 2, 3, -4.5F}));
}

TEST(EmbeddingReply, WithoutIndexTheOrderIsThatOfTheList) {
  const auto vectors =
      parse_embedding_reply(R"({"data":[{"embedding":[1]},{"embedding":[2]}]})", 2, 1);
  EXPECT_EQ(vectors.ValueOrDie(), (Floats{1, 2}));
}

TEST(EmbeddingReply, Base64IsLittleEndianFloats) {
  // 1.0f, -2.0f: no padding has 12 bytes, one '=' 8, two '=' 4.
  EXPECT_EQ(parse_embedding_reply(R"({"data":[{"embedding":"AACAPwAAAMA="}]})", 1, 2).ValueOrDie(),
            (Floats{1, -2}));
  EXPECT_EQ(parse_embedding_reply(R"({"data":[{"embedding":"AACAPw=="}]})", 1, 1).ValueOrDie(),
            Floats{1});
  EXPECT_EQ(
      parse_embedding_reply(R"({"data":[{"embedding":"AACAPwAAAMAAAIA/"}]})", 1, 3).ValueOrDie(),
      (Floats{1, -2, 1}));
  for (const char* text : {"AACAPw=", "A*CAPw==", "", "AACA"}) {
    const auto reply = nlohmann::json{{"data", {{{"embedding", text}}}}}.dump();
    EXPECT_EQ(kind_of(parse_embedding_reply(reply, 1, 1).status()), ErrorKind::kIncompatible)
        << text;
  }
}

TEST(EmbeddingReply, NumbersAreReadToTheirLastBit) {
  const auto vectors = parse_embedding_reply(
      R"({"data":[{"embedding":[0.1,1.1754943508222875e-38,3.4028234663852886e38,-0.0,1e-45]}]})",
      1, 5);
  EXPECT_EQ(vectors.ValueOrDie(), (Floats{0.1F, 1.17549435e-38F, 3.40282347e38F, -0.0F, 1.4e-45F}));
}

TEST(EmbeddingReply, WhatIsNotTheseVectorsIsNamed) {
  const auto what = [](const std::string& body, size_t texts = 1, uint32_t dim = 2) {
    const auto result = parse_embedding_reply(body, texts, dim);
    EXPECT_EQ(kind_of(result.status()), ErrorKind::kIncompatible) << body;
    return what_of(result);
  };
  EXPECT_NE(what("<html>Bad gateway</html>").find("Bad gateway"), std::string::npos);
  EXPECT_NE(what("{}").find("no list 'data'"), std::string::npos);
  EXPECT_NE(what(R"({"data":[]})").find("0 vectors came back for 1 texts"), std::string::npos);
  EXPECT_NE(what(R"({"data":[{"index":0,"embedding":[1,2]},{"index":0,"embedding":[1,2]}]})", 2)
                .find("twice"),
            std::string::npos);
  EXPECT_NE(what(R"({"data":[{"index":7,"embedding":[1,2]}]})").find("index 7"), std::string::npos);
  EXPECT_NE(what(R"({"data":[{"index":-1,"embedding":[1,2]}]})").find("index"), std::string::npos);
  EXPECT_NE(what(R"({"data":[{"embedding":[1,2,3]}]})").find("of 3 numbers"), std::string::npos);
  EXPECT_NE(what(R"({"data":[{"embedding":[1]}]})").find("of 1 numbers"), std::string::npos);
  EXPECT_NE(what(R"({"data":[{"embedding":[1,null]}]})").find("null"), std::string::npos);
  EXPECT_NE(what(R"({"data":[{"embedding":[1,1e300]}]})").find("not finite"), std::string::npos);
  EXPECT_NE(what(R"({"data":[{"embedding":[1,NaN]}]})").find("no JSON"), std::string::npos);
  EXPECT_NE(what(R"({"data":[{"embedding":"AACAPwAAwH8="}]})").find("not finite"),
            std::string::npos);
  EXPECT_NE(what(R"({"data":[{}]})").find("without an embedding"), std::string::npos);
  EXPECT_NE(what(R"({"data":[1]})").find("without an embedding"), std::string::npos);
}

TEST(EmbeddingReply, AnotherSizeSaysWhichOptionHelps) {
  const auto status = parse_embedding_reply(R"({"data":[{"embedding":[1,2,3]}]})", 1, 2).status();
  EXPECT_NE(failure_of(status).next.find("--embed-dim 3"), std::string::npos);
}

TEST(ProgramLines, GoInAndComeOut) {
  std::string lines;
  append_text_line("two\nlines", &lines);
  EXPECT_EQ(lines, "{\"text\":\"two\\nlines\"}\n");
  Floats vectors = {9};
  ASSERT_TRUE(parse_vector_line(R"({"vector":[1,2.5]})", 2, &vectors).ok());
  EXPECT_EQ(vectors, (Floats{9, 1, 2.5F}));
  for (const char* line : {"", "hello", "[1,2]", R"({"vector":[1]})", R"({"vector":"x"})"}) {
    EXPECT_EQ(kind_of(parse_vector_line(line, 2, &vectors)), ErrorKind::kIncompatible) << line;
  }
}

TEST(ServerWords, AreFoundWhereServersPutThem) {
  EXPECT_EQ(server_words(R"({"error":{"message":"no such model","code":3}})"), "no such model");
  EXPECT_EQ(server_words(R"({"error":"too many"})"), "too many");
  EXPECT_EQ(server_words(R"({"detail":"wrong"})"), "wrong");
  EXPECT_EQ(server_words(R"({"message":"two\nlines"})"), "two lines");
  EXPECT_EQ(server_words("<h1>502</h1>\r\n"), "<h1>502</h1>  ");
  EXPECT_EQ(server_words(""), "(nothing)");
  std::string lengthy(299, 'x');
  lengthy += "größer";  // the cut falls into no character
  EXPECT_EQ(server_words(lengthy), lengthy.substr(0, 300) + "…");
  EXPECT_EQ(server_words("x" + lengthy), "x" + lengthy.substr(0, 299) + "…");
}

}  // namespace
}  // namespace vecferry
