#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"

namespace vecferry {

/// The words of a command as a shell splits them: blanks part them, '…' holds anything, "…" and
/// bare text take \ before a character. Nothing is expanded and no shell is asked.
/// Errors: kUsage for a quote that does not end, and for no word at all.
Result<std::vector<std::string>> command_words(std::string_view text);

}  // namespace vecferry
