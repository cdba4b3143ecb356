// What a server or a program of embeddings answers, and the words that start a program.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "fuzz/check.h"
#include "vecferry/embed/command_words.h"
#include "vecferry/embed/embedding_reply_internal.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto finite = [](float value) { return std::isfinite(value); };
  const auto vectors = vecferry::parse_embedding_reply(text, 2, 3);
  if (vectors.ok()) {
    VECFERRY_CHECK(vectors->size() == 6);
    VECFERRY_CHECK(std::all_of(vectors->begin(), vectors->end(), finite));
  }
  std::vector<float> vector;
  if (vecferry::parse_vector_line(text, 3, &vector).ok()) {
    VECFERRY_CHECK(vector.size() == 3);
    VECFERRY_CHECK(std::all_of(vector.begin(), vector.end(), finite));
  }
  constexpr std::size_t kMostWords = 310;
  VECFERRY_CHECK(vecferry::server_words(text).size() < kMostWords);
  const auto words = vecferry::command_words(text);
  VECFERRY_CHECK(!words.ok() || !words->front().empty());
  return 0;
}
