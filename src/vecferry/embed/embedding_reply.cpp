#include <fmt/format.h>
#include <openssl/evp.h>
#include <simdjson.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "vecferry/embed/embedding_reply_internal.h"

namespace vecferry {
namespace {

namespace dom = simdjson::dom;

constexpr size_t kMostWords = 300;

Status odd(std::string what, std::string next = {}) {
  return fail({.kind = ErrorKind::kIncompatible, .what = std::move(what), .next = std::move(next)});
}

Status another_dim(size_t got, uint32_t dim) {
  return odd(fmt::format("a vector of {} numbers came back, expected {}", got, dim),
             fmt::format("if that is the model's size, add --embed-dim {}", got));
}

Status check_finite(std::span<const float> vector) {
  for (const float value : vector) {
    if (!std::isfinite(value)) {
      return odd("a vector with a number that is not finite came back");
    }
  }
  return Status::OK();
}

Status read_numbers(const dom::array& numbers, std::span<float> vector) {
  size_t count = 0;
  for (const auto& item : numbers) {
    double number = 0;
    if (item.get_double().get(number) != simdjson::SUCCESS) {
      return odd(
          fmt::format("a vector with '{}' in it came back", std::string(simdjson::minify(item))));
    }
    if (count < vector.size()) {
      vector[count] = static_cast<float>(number);
    }
    ++count;
  }
  if (count != vector.size()) {
    return another_dim(count, static_cast<uint32_t>(vector.size()));
  }
  return check_finite(vector);
}

Status read_base64(std::string_view text, std::span<float> vector) {
  if (text.empty() || text.size() % 4 != 0) {
    return odd("an embedding that is no base64 came back");
  }
  std::vector<unsigned char> bytes(text.size() / 4 * 3);
  const int decoded =
      EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                      static_cast<int>(text.size()));
  if (decoded < 0) {
    return odd("an embedding that is no base64 came back");
  }
  // It counts the padding as bytes.
  size_t size = static_cast<size_t>(decoded);
  size -= text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  if (size != vector.size_bytes()) {
    return another_dim(size / sizeof(float), static_cast<uint32_t>(vector.size()));
  }
  std::memcpy(vector.data(), bytes.data(), size);
  return check_finite(vector);
}

Status read_embedding(const dom::element& embedding, std::span<float> vector) {
  dom::array numbers;
  if (embedding.get_array().get(numbers) == simdjson::SUCCESS) {
    return read_numbers(numbers, vector);
  }
  std::string_view text;
  if (embedding.get_string().get(text) == simdjson::SUCCESS) {
    return read_base64(text, vector);
  }
  return odd("an entry without an embedding came back");
}

// The place of the n-th entry of `data` among the texts.
Result<size_t> place_of(const dom::element& entry, size_t n, std::vector<bool>* seen) {
  uint64_t place = n;
  dom::element index;
  if (entry["index"].get(index) == simdjson::SUCCESS &&
      index.get_uint64().get(place) != simdjson::SUCCESS) {
    return odd("an entry whose index is no number came back");
  }
  if (place >= seen->size()) {
    return odd(fmt::format("an answer with index {} came back for {} texts", place, seen->size()));
  }
  if ((*seen)[place]) {
    return odd(fmt::format("an answer with index {} twice came back", place));
  }
  (*seen)[place] = true;
  return place;
}

}  // namespace

std::string embedding_request(std::string_view model, std::span<const std::string> texts,
                              bool ask_base64) {
  nlohmann::json request = {{"model", model}, {"input", nlohmann::json::array()}};
  for (const auto& text : texts) {
    request["input"].push_back(text);
  }
  if (ask_base64) {
    request["encoding_format"] = "base64";
  }
  return request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<std::vector<float>> parse_embedding_reply(std::string_view body, size_t texts,
                                                 uint32_t dim) {
  dom::parser parser;
  dom::element reply;
  const auto error = parser.parse(body.data(), body.size()).get(reply);
  if (error != simdjson::SUCCESS) {
    return odd(fmt::format("the answer is no JSON ({}): {}", simdjson::error_message(error),
                           server_words(body)),
               "check that the address is that of an OpenAI-compatible server");
  }
  dom::array data;
  if (reply["data"].get_array().get(data) != simdjson::SUCCESS) {
    return odd("the answer has no list 'data': " + server_words(body),
               "check that the address is that of an OpenAI-compatible server");
  }
  if (data.size() != texts) {
    return odd(fmt::format("{} vectors came back for {} texts", data.size(), texts));
  }
  std::vector<float> vectors(texts * dim);
  std::vector<bool> seen(texts);
  size_t n = 0;
  for (const auto& entry : data) {
    ARROW_ASSIGN_OR_RAISE(const size_t place, place_of(entry, n++, &seen));
    dom::element embedding;
    if (entry["embedding"].get(embedding) != simdjson::SUCCESS) {
      return odd("an entry without an embedding came back");
    }
    ARROW_RETURN_NOT_OK(read_embedding(embedding, std::span(vectors).subspan(place * dim, dim)));
  }
  return vectors;
}

void append_text_line(std::string_view text, std::string* out) {
  const nlohmann::json line = {{"text", text}};
  *out += line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  *out += '\n';
}

Status parse_vector_line(std::string_view line, uint32_t dim, std::vector<float>* out) {
  dom::parser parser;
  dom::element object;
  dom::array numbers;
  if (parser.parse(line.data(), line.size()).get(object) != simdjson::SUCCESS ||
      object["vector"].get_array().get(numbers) != simdjson::SUCCESS) {
    return odd(
        fmt::format("a line that is no {{\"vector\":[…]}} came back: {}", server_words(line)),
        "the program writes one such line a text to stdout, and nothing else");
  }
  out->resize(out->size() + dim);
  return read_numbers(numbers, std::span(*out).last(dim));
}

std::string server_words(std::string_view body) {
  using Json = nlohmann::json;
  const Json json = Json::parse(body, nullptr, false);
  std::string words;
  const auto take = [&words](const Json& value) {
    if (words.empty() && value.is_string()) {
      words = value.get<std::string>();
    }
  };
  if (json.is_object()) {
    const Json error = json.value("error", Json());
    if (error.is_object()) {
      take(error.value("message", Json()));
    }
    take(error);
    take(json.value("message", Json()));
    take(json.value("detail", Json()));
  }
  if (words.empty()) {
    words = std::string(body.substr(0, kMostWords + 4));  // enough to see that it is cut
  }
  std::string line;
  for (const char c : words) {
    line += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  if (line.size() > kMostWords) {
    size_t cut = kMostWords;
    while (cut > 0 && (static_cast<unsigned char>(line[cut]) & 0xC0U) == 0x80U) {
      --cut;  // not in the middle of a character
    }
    line.resize(cut);
    line += "…";
  }
  return line.empty() ? "(nothing)" : line;
}

}  // namespace vecferry
