#include "vecferry/ops/load_source.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "vecferry/model/points_schema.h"
#include "vecferry/ops/id_file.h"
#include "vecferry/ops/travel.h"
#include "vecferry/pipeline/compare.h"
#include "vecferry/pipeline/row_choices.h"
#include "vecferry/transform/remap_ids.h"
#include "vecferry/transform/stamp_payload.h"

namespace vecferry {
namespace {

constexpr uint64_t kLookedAt = 1000;  // points

// Several choices at once: a point must pass them all.
class AllOf : public RowChoice {
 public:
  explicit AllOf(std::vector<std::shared_ptr<const RowChoice>> choices)
      : choices_(std::move(choices)) {}

  Result<std::shared_ptr<arrow::RecordBatch>> keep(
      const std::shared_ptr<arrow::RecordBatch>& batch) const override {
    std::shared_ptr<arrow::RecordBatch> kept = batch;
    for (const auto& choice : choices_) {
      ARROW_ASSIGN_OR_RAISE(kept, choice->keep(kept));
    }
    return kept;
  }

 private:
  std::vector<std::shared_ptr<const RowChoice>> choices_;
};

Result<IdList> list_of(const std::filesystem::path& file) {
  ARROW_ASSIGN_OR_RAISE(auto ids, read_ids(file));
  return std::make_shared<const std::vector<PointId>>(std::move(ids));
}

Result<std::shared_ptr<const RowChoice>> rows_of(const LoadSource& source,
                                                 const std::filesystem::path& files) {
  std::vector<std::shared_ptr<const RowChoice>> choices;
  if (source.part) {
    choices.push_back(choose_part(static_cast<uint32_t>(source.part->parts),
                                  static_cast<uint32_t>(source.part->index)));
  }
  if (!source.only.empty()) {
    ARROW_ASSIGN_OR_RAISE(auto ids, list_of(files / source.only));
    choices.push_back(choose_ids(std::move(ids), Listed::kKept));
  }
  if (!source.leave_out.empty()) {
    ARROW_ASSIGN_OR_RAISE(auto ids, list_of(files / source.leave_out));
    choices.push_back(choose_ids(std::move(ids), Listed::kLeftOut));
  }
  if (choices.size() > 1) {
    return std::make_shared<AllOf>(std::move(choices));
  }
  return choices.empty() ? nullptr : choices.front();
}

// A server whose snapshots cannot be had after all is read point by point.
Result<OpenedEnd> open_end(const LoadSource& source, PlaceOpener& places, const StopToken& stop,
                           std::vector<std::string>* notes) {
  auto end = places.open_source(source.address, source.reading, stop);
  if (end.ok() || !source.reading.spooled || source.reading.spooled_or_fail ||
      !worth_another_route(end.status(), FailedAt::kItsOwn)) {
    return end;
  }
  notes->push_back(given_up(Route::kEngineRead, end.status(), Route::kStream));
  ReadingOptions plain = source.reading;
  plain.spooled = false;
  return places.open_source(source.address, plain, stop);
}

Status add(std::unique_ptr<Transform> transform, OpenedSource* source) {
  ARROW_ASSIGN_OR_RAISE(source->config, transform->config(source->config));
  source->transforms.push_back(transform->describe());
  source->points.transforms.push_back(std::move(transform));
  return Status::OK();
}

}  // namespace

Result<OpenedSource> open_load_source(const LoadSource& source, const std::filesystem::path& files,
                                      PlaceOpener& places, StopToken stop) {
  OpenedSource opened;
  ARROW_ASSIGN_OR_RAISE(opened.end, open_end(source, places, stop, &opened.notes));
  Backend& backend = *opened.end.backend;
  ARROW_ASSIGN_OR_RAISE(opened.config, backend.describe(opened.end.collection, stop));
  opened.points.backend = &backend;
  opened.points.collection = opened.end.collection;
  opened.points.filter = source.selection.filter;
  opened.points.vectors = source.selection.vectors;
  opened.points.limit = source.selection.limit;
  ARROW_ASSIGN_OR_RAISE(opened.points.rows, rows_of(source, files));
  ARROW_ASSIGN_OR_RAISE(auto selected,
                        transforms_for(source.selection, opened.config, source.label));
  for (auto& transform : selected) {
    ARROW_RETURN_NOT_OK(add(std::move(transform), &opened));
  }
  if (!source.remap.empty()) {
    ARROW_ASSIGN_OR_RAISE(auto ids, list_of(files / source.remap));
    opened.points.keeps_ids = ids->empty();
    ARROW_RETURN_NOT_OK(add(remap_ids(source.label, std::move(ids)), &opened));
  }
  if (!source.merged_from.empty()) {
    ARROW_RETURN_NOT_OK(add(stamp_payload("merged_from", source.merged_from), &opened));
  }
  return opened;
}

Result<RangeDigest> digest_of(const OpenedEnd& end, Progress& progress, StopToken stop) {
  return digest_source({.backend = end.backend.get(), .collection = end.collection}, progress,
                       std::move(stop));
}

Result<FirstLook> look_at(const Source& points, StopToken stop) {
  Source few = copy_of(points);
  few.limit = std::min(points.limit.value_or(kLookedAt), kLookedAt);
  const auto start = std::chrono::steady_clock::now();
  ARROW_ASSIGN_OR_RAISE(const auto reader, open_source(few, {}, stop));
  std::shared_ptr<arrow::RecordBatch> batch;
  ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
  FirstLook look;
  if (batch != nullptr) {
    look.rows = static_cast<uint64_t>(batch->num_rows());
    look.bytes = static_cast<uint64_t>(batch_bytes(*batch));
  }
  look.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return look;
}

Status adapt_to(const CollectionConfig& target_config, const Backend& target,
                OpenedSource* source) {
  ARROW_ASSIGN_OR_RAISE(auto adaptation,
                        adapt(source->config, facts_of(source->points.backend->capabilities()),
                              target_config, facts_of(target.capabilities())));
  source->losses = std::move(adaptation.losses);
  for (auto& transform : adaptation.transforms) {
    ARROW_RETURN_NOT_OK(add(std::move(transform), source));
  }
  return Status::OK();
}

}  // namespace vecferry
