#pragma once

#include <string>
#include <string_view>

#include "vecferry/archive/key.h"

/// Small JSON files of an archive in which no byte can change unnoticed: hashed, or with a key
/// encrypted and bound to their path.
/// Source: docs/archive-format.md.
namespace vecferry {

/// `json` is an object. `key`: null for none.
Result<std::string> seal(std::string_view json, const ArchiveKey* key, std::string_view path);

/// The JSON that was sealed.
/// Errors: kCorrupt with the path; kRefused for an encrypted file without a key.
Result<std::string> unseal(std::string_view bytes, const ArchiveKey* key, std::string_view path);

}  // namespace vecferry
