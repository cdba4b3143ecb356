#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

/// The exchanges of a real 1.18.3 server, as tests/golden/qdrant keeps them.
namespace vecferry::testing {

inline std::vector<nlohmann::json> recording(const std::string& file) {
  std::vector<nlohmann::json> exchanges;
  std::ifstream in(std::string(VECFERRY_SOURCE_DIR) + "/tests/golden/qdrant/" + file);
  for (std::string line; std::getline(in, line);) {
    exchanges.push_back(nlohmann::json::parse(line));
  }
  return exchanges;
}

inline std::string from_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0;
  int held = 0;
  for (const char c : text) {
    if (c == '=') {
      break;
    }
    bits = bits << 6U | static_cast<unsigned>(kDigits.find(c));
    held += 6;
    if (held >= 8) {
      held -= 8;
      out.push_back(static_cast<char>(bits >> static_cast<unsigned>(held) & 0xFFU));
    }
  }
  return out;
}

}  // namespace vecferry::testing
