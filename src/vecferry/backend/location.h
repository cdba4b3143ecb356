#pragma once

#include <string>
#include <string_view>

#include "vecferry/base/error.h"
#include "vecferry/base/percent.h"

/// How people name places and collections on the command line (docs/cli.md, "Locations").
namespace vecferry {

enum class PlaceKind { kQdrant, kLocal, kArchive, kFile };

/// Where collections live: a server's URL, a folder, or a file.
struct Place {
  PlaceKind kind = PlaceKind::kFile;
  std::string address{};  ///< URL without a collection, folder, file path, or "-"

  friend bool operator==(const Place&, const Place&) = default;
};

/// A collection in a place. For files the collection is empty: the file says its name.
struct Location {
  Place place{};
  std::string collection{};  ///< percent-decoded

  friend bool operator==(const Location&, const Location&) = default;
};

/// As people write it: "local:DIR", "http://host:6333", "x.parquet".
std::string to_string(const Place& place);
std::string to_string(const Location& location);

/// Read a place that holds collections: `local:DIR`, `http://…`, `https://…`, `qdrant://…`,
/// `archive:…`; or a file.
/// Errors: kUsage, saying which forms there are; kIncompatible for a form this build cannot open.
Result<Place> parse_place(std::string_view text);

/// Read a location: PLACE/COLLECTION (the collection is what follows the last `/`, percent-decoded)
/// or a file by its extension, or `-` for stdin or stdout.
/// Errors: kUsage, e.g. a place without a collection, an unknown extension.
Result<Location> parse_location(std::string_view text);

/// The extensions of files that we read or write, longest first: ".json.zst", …
bool has_known_extension(std::string_view path);

}  // namespace vecferry
