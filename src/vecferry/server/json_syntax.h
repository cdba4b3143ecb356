#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vecferry::server {

/// What is wrong with a text that should be JSON, in the words and with the place that Qdrant's
/// parser gives: "EOF while parsing a value at line 1 column 11". Nothing when it is JSON.
std::optional<std::string> json_syntax_error(std::string_view text);

}  // namespace vecferry::server
