#pragma once

#include <string_view>

namespace vecferry::server {

/// The version of Qdrant whose REST and gRPC this server speaks.
inline constexpr std::string_view kSpokenVersion = "1.18.3";

}  // namespace vecferry::server
