#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"

/// The JSON of OpenAI's `/v1/embeddings`, and of programs that speak JSON lines; no I/O.
namespace vecferry {

std::string embedding_request(std::string_view model, std::span<const std::string> texts,
                              bool ask_base64);

/// The vectors of `{"data":[{"index","embedding"}]}` in the order of the texts; an embedding is a
/// list of numbers or base64 of little-endian float32. Without `index` the order is that of `data`.
/// Errors: kIncompatible: no such JSON, another number of vectors than texts, an index twice or out
/// of range, another dim, a number that is not finite.
Result<std::vector<float>> parse_embedding_reply(std::string_view body, size_t texts, uint32_t dim);

/// `{"text":…}` and a newline.
void append_text_line(std::string_view text, std::string* out);

/// The vector of `{"vector":[…]}`, appended. Errors: as above.
Status parse_vector_line(std::string_view line, uint32_t dim, std::vector<float>* out);

/// What an error reply says, short: OpenAI's `error.message`, else `error`, `message` or `detail`,
/// else how the body begins.
std::string server_words(std::string_view body);

}  // namespace vecferry
