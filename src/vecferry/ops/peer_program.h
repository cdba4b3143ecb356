#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"

/// Another program that moves a collection, run beside ours.
namespace vecferry {

/// Split into words as a shell does, then each {name} replaced: a value is never split. No shell.
/// Errors: kUsage for an open quote, no word, or a {name} that is not among `values`, with those
/// there are.
Result<std::vector<std::string>> peer_words(std::string_view command,
                                            const std::map<std::string, std::string>& values);

/// Run it to its end; its stdin is empty. A stop ends it and what it started.
/// Errors: kNotFound for the program; kIo for another status than 0, with its last words.
Status run_peer(const std::vector<std::string>& words, StopToken stop);

}  // namespace vecferry
