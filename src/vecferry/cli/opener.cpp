#include "vecferry/cli/opener.h"

#include <filesystem>
#include <utility>

#include "vecferry/routes/engine_read.h"

namespace vecferry {

Result<OpenedEnd> NamedPlaces::open(const std::string& address, PlaceOptions options) {
  ARROW_ASSIGN_OR_RAISE(const auto location, parse_location(address));
  options.index_progress = [&progress = progress_](uint64_t done, uint64_t total) {
    progress.points = done;
    progress.expected = total;
  };
  if (location.place.kind == PlaceKind::kFile) {
    if (options.write) {
      options.collection_name = std::filesystem::path(location.place.address).stem().string();
    }
    ARROW_ASSIGN_OR_RAISE(auto file, open_location(names_, address, options));
    return OpenedEnd{.backend = std::move(file.backend),
                     .collection = std::move(file.collection),
                     .label = address,
                     .address = address};
  }
  const std::string key = to_string(location.place) + (options.build_index ? " indexed" : "") +
                          (options.allow_partial ? " partial" : "");
  auto& place = places_[key];
  if (place == nullptr) {
    ARROW_ASSIGN_OR_RAISE(place, open_place(names_, location.place, options));
  }
  return OpenedEnd{
      .backend = place, .collection = location.collection, .label = address, .address = address};
}

Result<OpenedEnd> NamedPlaces::open_source(const std::string& address,
                                           const ReadingOptions& options, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(auto end, open(address, {.distance = options.distance,
                                                 .original_id_key = options.original_id_key,
                                                 .allow_partial = options.allow_partial,
                                                 .stop = stop}));
  if (!options.spooled) {
    return end;
  }
  auto& spooled = spooled_[address];
  if (spooled == nullptr) {
    progress_.begin(Phase::kFetching, 0);
    ARROW_ASSIGN_OR_RAISE(spooled, engine_read(end.backend, end.collection,
                                               {.parent = options.spool,
                                                .bytes = &progress_.bytes,
                                                .keep_files = options.keep_shards},
                                               stop));
  }
  end.backend = spooled;
  return end;
}

Result<OpenedEnd> NamedPlaces::open_target(const std::string& address, bool build_index,
                                           StopToken stop) {
  return open(address, {.build_index = build_index, .write = true, .stop = std::move(stop)});
}

Result<std::shared_ptr<Repository>> NamedPlaces::open_archive(const std::string& address,
                                                              RepositoryMode mode, StopToken stop) {
  return open_repository(names_, address, mode, std::move(stop));
}

Result<OpenedEnd> NamedPlaces::typed_source(const std::string& text, const ReadingOptions& options,
                                            StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto address, address_of(names_, text));
  ARROW_ASSIGN_OR_RAISE(auto end, open_source(address, options, std::move(stop)));
  ARROW_ASSIGN_OR_RAISE(const auto location, parse_location(names_.resolve(text)));
  end.label = to_string(location);
  return end;
}

Result<OpenedEnd> NamedPlaces::typed_target(const std::string& text, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto address, address_of(names_, text));
  ARROW_ASSIGN_OR_RAISE(auto end, open_target(address, false, std::move(stop)));
  ARROW_ASSIGN_OR_RAISE(const auto location, parse_location(names_.resolve(text)));
  end.label = to_string(location);
  return end;
}

}  // namespace vecferry
