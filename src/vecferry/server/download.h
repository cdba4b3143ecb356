#pragma once

#include <filesystem>
#include <string>

#include "vecferry/base/error.h"

namespace vecferry::server {

/// Download a snapshot from an http:// or https:// address into a new file.
/// Errors: kUsage in Qdrant's words for an answer that is not 200, kInternal when nobody answers.
Status download(const std::string& url, const std::string& api_key,
                const std::filesystem::path& file);

}  // namespace vecferry::server
