#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vecferry::testing {

/// Random JSON objects from a seed, and random spellings of them: key order, blanks, escapes.
class JsonGenerator {
 public:
  using Json = nlohmann::ordered_json;

  explicit JsonGenerator(uint64_t seed) : random_(seed) {}

  Json object(int depth = 3) {
    Json result = Json::object();
    const size_t members = below(6);
    for (size_t i = 0; i < members; ++i) {
      result[string()] = value(depth - 1);
    }
    return result;
  }

  std::string spelling(const Json& json) {
    std::string text;
    write(json, &text);
    return text;
  }

  size_t below(size_t limit) { return static_cast<size_t>(random_() % limit); }

 private:
  Json value(int depth) {
    switch (below(depth > 0 ? 8 : 6)) {
      case 0:
        return nullptr;
      case 1:
        return below(2) == 0;
      case 2:
        return static_cast<int64_t>(random_()) >> below(64);
      case 3:
        return random_() >> below(64);
      case 4:
        return real();
      case 5:
        return string();
      case 6:
        return object(depth);
      default: {
        Json array = Json::array();
        for (size_t i = below(5); i > 0; --i) {
          array.push_back(value(depth - 1));
        }
        return array;
      }
    }
  }

  double real() {
    const auto bits = random_();
    double value = 0;
    static_assert(sizeof(bits) == sizeof(value));
    std::memcpy(&value, &bits, sizeof(value));
    if (below(2) == 0 || !(std::abs(value) <= std::numeric_limits<double>::max())) {
      value = static_cast<double>(below(1'000'000)) / 1000;
    }
    return value;
  }

  std::string string() {
    static constexpr std::string_view kParts[] = {"a",    "b",    "B",          "10",
                                                  "_",    " ",    "\"",         "\\",
                                                  "\n",   "\t",   "é",          "\xF0\x9F\x98\x80",
                                                  "\x01", "/",    "ß",          ".",
                                                  "",     "\x7F", "longer word"};
    std::string text;
    for (size_t i = below(5); i > 0; --i) {
      text += kParts[below(std::size(kParts))];
    }
    return text;
  }

  void blanks(std::string* text) {
    static constexpr std::string_view kBlanks = " \n\t\r";
    for (size_t i = below(8) == 0 ? below(4) : 0; i > 0; --i) {
      text->push_back(kBlanks[below(kBlanks.size())]);
    }
  }

  void write_string(const std::string& value, std::string* text) {
    const bool ascii_only = below(2) == 0;
    *text += nlohmann::json(value).dump(-1, ' ', ascii_only);
  }

  void write(const Json& json, std::string* text) {
    blanks(text);
    if (json.is_object()) {
      std::vector<std::pair<std::string, const Json*>> members;
      for (const auto& item : json.items()) {
        members.emplace_back(item.key(), &item.value());
      }
      std::shuffle(members.begin(), members.end(), random_);
      *text += '{';
      for (size_t i = 0; i < members.size(); ++i) {
        *text += i > 0 ? "," : "";
        blanks(text);
        write_string(members[i].first, text);
        blanks(text);
        *text += ':';
        write(*members[i].second, text);
      }
      *text += '}';
    } else if (json.is_array()) {
      *text += '[';
      for (size_t i = 0; i < json.size(); ++i) {
        *text += i > 0 ? "," : "";
        write(json[i], text);
      }
      *text += ']';
    } else if (json.is_string()) {
      write_string(json.get<std::string>(), text);
    } else {
      *text += json.dump();
    }
    blanks(text);
  }

  std::mt19937_64 random_;
};

}  // namespace vecferry::testing
