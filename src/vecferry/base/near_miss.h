#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vecferry {

/// The candidate that a mistyped word most likely meant (two edits at most, a swap of neighbours is
/// one, and at most half of its letters); empty when none is near.
/// Lifetime: points into `candidates`.
std::string_view near_miss(std::string_view word, std::span<const std::string_view> candidates);

/// "; did you mean 'WORD'?", or nothing: for the end of an error message.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace vecferry
