#include "vecferry/backend/location.h"

#include <fmt/format.h>

#include <array>

namespace vecferry {
namespace {

// Those of formats/file_format.cpp, which this module may not include.
constexpr std::array<std::string_view, 9> kExtensions = {".snapshot.zst", ".jsonl.zst", ".json.zst",
                                                         ".jsonl.gz",     ".json.gz",   ".snapshot",
                                                         ".parquet",      ".jsonl",     ".json"};

struct Scheme {
  std::string_view prefix;
  PlaceKind kind;
};
constexpr std::array<Scheme, 6> kSchemes = {{{"local:", PlaceKind::kLocal},
                                             {"http://", PlaceKind::kQdrant},
                                             {"https://", PlaceKind::kQdrant},
                                             {"qdrant://", PlaceKind::kQdrant},
                                             {"qdrants://", PlaceKind::kQdrant},
                                             {"archive:", PlaceKind::kArchive}}};

constexpr std::string_view kForms =
    "a location is http://HOST:PORT/NAME, local:DIR/NAME, or a file that ends in .json, .jsonl, "
    ".parquet or .snapshot "
    "(also .zst, the text forms .gz), or - for stdin and stdout";

Status usage(std::string what) {
  return fail({.kind = ErrorKind::kUsage, .what = std::move(what), .next = std::string(kForms)});
}

const Scheme* scheme_of(std::string_view text) {
  for (const auto& scheme : kSchemes) {
    if (text.substr(0, scheme.prefix.size()) == scheme.prefix) {
      return &scheme;
    }
  }
  return nullptr;
}

// A local path keeps a lone "/" (the root folder); everything else loses its trailing slashes.
std::string_view without_trailing_slashes(std::string_view text) {
  while (text.size() > 1 && text.back() == '/') {
    text.remove_suffix(1);
  }
  return text;
}

}  // namespace

bool has_known_extension(std::string_view path) {
  for (const auto extension : kExtensions) {
    if (path.size() > extension.size() &&
        path.substr(path.size() - extension.size()) == extension) {
      return true;
    }
  }
  return false;
}

std::string to_string(const Place& place) {
  switch (place.kind) {
    case PlaceKind::kLocal:
      return "local:" + place.address;
    case PlaceKind::kArchive:
      return "archive:" + place.address;
    case PlaceKind::kQdrant:
    case PlaceKind::kFile:
      break;
  }
  return place.address;
}

std::string to_string(const Location& location) {
  if (location.place.kind == PlaceKind::kFile) {
    return location.place.address;
  }
  return to_string(location.place) + "/" + percent_encode(location.collection);
}

Result<Place> parse_place(std::string_view text) {
  if (text == "-" || has_known_extension(text)) {
    if (scheme_of(text) == nullptr) {
      return Place{.kind = PlaceKind::kFile, .address = std::string(text)};
    }
  }
  const auto* scheme = scheme_of(text);
  if (scheme == nullptr) {
    return usage(text.find('.') == std::string_view::npos
                     ? fmt::format("'{}' is not a place", text)
                     : fmt::format("'{}' has no extension that is known", text));
  }
  std::string_view address = text;
  if (scheme->kind != PlaceKind::kQdrant) {
    address.remove_prefix(scheme->prefix.size());
  }
  address = without_trailing_slashes(address);
  if (address.empty()) {
    return usage(fmt::format("'{}' names no folder", text));
  }
  return Place{.kind = scheme->kind, .address = std::string(address)};
}

Result<Location> parse_location(std::string_view text) {
  const auto* scheme = scheme_of(text);
  if (text == "-" || (scheme == nullptr && has_known_extension(text))) {
    return Location{.place = {.kind = PlaceKind::kFile, .address = std::string(text)}};
  }
  if (scheme == nullptr) {
    if (text.find('.') == std::string_view::npos && text.find('/') == std::string_view::npos &&
        !text.empty()) {
      return fail({.kind = ErrorKind::kUsage,
                   .what = fmt::format("'{}' is a bare name, and there is no default place", text),
                   .next = fmt::format("write local:DIR/{}", text)});
    }
    return usage(fmt::format("'{}' has no extension that is known", text));
  }
  const std::string_view rest = text.substr(scheme->prefix.size());
  const size_t slash = rest.rfind('/');
  const std::string_view name =
      slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  const std::string_view folder =
      slash == std::string_view::npos ? rest : without_trailing_slashes(rest.substr(0, slash));
  if (name.empty() || (folder.empty() && scheme->kind == PlaceKind::kQdrant)) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("'{}' names a place but no collection", text),
                 .next = fmt::format("write {}{}/NAME; `vecferry ls` shows the collections",
                                     scheme->prefix, folder.empty() ? rest : folder)});
  }
  ARROW_ASSIGN_OR_RAISE(auto collection, percent_decode(name));
  std::string address(folder.empty() ? "/" : folder);
  if (scheme->kind == PlaceKind::kQdrant) {
    address = std::string(scheme->prefix) + address;
  }
  return Location{.place = {.kind = scheme->kind, .address = std::move(address)},
                  .collection = std::move(collection)};
}

}  // namespace vecferry
