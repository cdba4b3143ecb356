#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <mutex>
#include <utility>

#include "arrow/record_batch.h"
#include "vecferry/backend/filtered_reader.h"
#include "vecferry/backends/files/file_backend_internal.h"
#include "vecferry/backends/files/file_sink_internal.h"
#include "vecferry/backends/files/file_source_internal.h"
#include "vecferry/backends/files/points_output_internal.h"
#include "vecferry/base/durable_file.h"
#include "vecferry/model/canonical_payload.h"

namespace vecferry::files {
namespace {

// What was found in a file that is read.
struct Opened {
  FileFormat format{};
  FileHead head{};
  std::shared_ptr<const ParquetFile> parquet{};  // null for text
  std::string name{};
  std::pair<int64_t, int64_t> stamp{};  // size and time of change when it was looked into
};

class FileWriter : public PointWriter {
 public:
  FileWriter(std::shared_ptr<PointsOutput> output, StopToken stop)
      : output_(std::move(output)), stop_(std::move(stop)) {}

  Status upsert(const arrow::RecordBatch& batch) override {
    ARROW_RETURN_NOT_OK(poll(stop_));
    return output_->write(batch);
  }
  Status remove(std::span<const PointId> /*ids*/) override {
    return not_possible("give points up again once they are written", "");
  }
  // A file that is not whole is not there: `finish` makes all of it durable at once.
  Status checkpoint() override { return Status::OK(); }

 private:
  std::shared_ptr<PointsOutput> output_;
  StopToken stop_;
};

class FileBackend : public Backend {
 public:
  FileBackend(std::string path, std::optional<FileFormat> format, FileOptions options)
      : path_(std::move(path)),
        format_(format),
        options_(std::move(options)),
        source_(path_, options_.spool_folder) {}

  Capabilities capabilities() const override {
    const bool text = format_ && format_->form != FileForm::kParquet;
    Capabilities can;
    can.writable = !is_standard_input();
    can.readable = !(path_ == "-" && options_.write);
    can.many_collections = false;
    can.aliases = false;
    can.shard_keys = true;
    can.remove = false;
    can.upsert_existing = false;
    can.non_finite = !text;
    can.max_payload_depth = kMaxReadDepth;
    // Only a file that is there can be known to be in order.
    const auto file = text ? nullptr : look_if_there();
    can.ordered = file != nullptr && file->head.ordered;
    can.splittable = can.ordered;
    return can;
  }

  Result<std::vector<CollectionSummary>> list(StopToken stop) override {
    const auto file = look(stop);
    if (!file.ok()) {
      if (kind_of(file.status()) == ErrorKind::kNotFound) {
        return std::vector<CollectionSummary>{};
      }
      return file.status();
    }
    return std::vector<CollectionSummary>{
        {.name = (*file)->name, .points_count = (*file)->head.points_count}};
  }

  Result<CollectionConfig> describe(std::string_view name, StopToken stop) override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (output_ != nullptr && name == output_name_) {
        return output_->config();
      }
    }
    ARROW_ASSIGN_OR_RAISE(const auto file, find(name, stop));
    return file->head.config;
  }

  Result<uint64_t> count(std::string_view name, const Filter* filter, StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto file, find(name, stop));
    if (filter == nullptr) {
      return file->head.points_count ? Result<uint64_t>(*file->head.points_count)
                                     : count_json_points(source_.text(file->format.compression),
                                                         json_options(*file, {}), stop);
    }
    ARROW_ASSIGN_OR_RAISE(const auto reader, read(*file, {}, stop));
    uint64_t matching = 0;
    for (;;) {
      std::shared_ptr<arrow::RecordBatch> batch;
      ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
      if (batch == nullptr) {
        return matching;
      }
      ARROW_ASSIGN_OR_RAISE(batch, keep_matching(batch, *filter));
      matching += static_cast<uint64_t>(batch->num_rows());
    }
  }

  Status create(std::string_view name, const CollectionConfig& config, StopToken stop) override {
    ARROW_RETURN_NOT_OK(poll(stop));
    if (is_standard_input() || !format_) {
      return not_possible("be written that is standard input", path_);
    }
    const auto there = look(stop);
    const std::lock_guard<std::mutex> lock(mutex_);
    const bool taken = there.ok() || kind_of(there.status()) != ErrorKind::kNotFound;
    if (taken || output_ != nullptr) {
      const std::string_view holder = output_ != nullptr ? std::string_view(output_name_)
                                      : there.ok()       ? std::string_view((*there)->name)
                                                         : name;
      if (holder != name) {
        return not_possible(fmt::format("hold a second collection; it exists and has '{}'", holder),
                            path_);
      }
      return fail({.kind = ErrorKind::kExists,
                   .what = fmt::format("the file '{}' exists", path_),
                   .where = path_,
                   .next = "choose another name, or move the file away"});
    }
    for (const auto& spec : config.vectors) {
      ARROW_RETURN_NOT_OK(check_vector_name(spec.name));
    }
    ARROW_ASSIGN_OR_RAISE(auto sink,
                          path_ == "-" ? FileSink::standard_output(stop) : FileSink::create(path_));
    ARROW_ASSIGN_OR_RAISE(output_, PointsOutput::create(std::move(sink), *format_, config,
                                                        {.collection_name = std::string(name),
                                                         .points_count = options_.points_count,
                                                         .max_payload_depth = kMaxReadDepth}));
    output_name_ = name;
    return Status::OK();
  }

  Status drop(std::string_view name, StopToken stop) override {
    ARROW_RETURN_NOT_OK(poll(stop));
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (output_ != nullptr && name == output_name_) {
        output_->abandon();
        output_.reset();
        return Status::OK();
      }
    }
    ARROW_RETURN_NOT_OK(find(name, stop).status());
    if (path_ == "-") {
      return not_possible("be removed that is a pipe", path_);
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    looked_.reset();
    std::error_code error;
    std::filesystem::remove(path_, error);
    if (error) {
      return system_failure(error.value(), fmt::format("cannot remove '{}'", path_), path_);
    }
    return sync_folder(std::filesystem::path(path_).parent_path());
  }

  Status finish(std::string_view name, const CollectionConfig& /*config*/,
                StopToken stop) override {
    std::shared_ptr<PointsOutput> output;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (output_ != nullptr && name == output_name_) {
        output = output_;
      }
    }
    if (output == nullptr) {
      return find(name, stop).status();  // finished before: nothing to do
    }
    ARROW_RETURN_NOT_OK(output->finish(stop));
    const std::lock_guard<std::mutex> lock(mutex_);
    output_.reset();
    return Status::OK();
  }

  Status change_aliases(std::span<const AliasChange> /*changes*/, StopToken /*stop*/) override {
    return not_possible("change its aliases", path_);
  }

  Result<std::vector<IdRange>> plan_scan(std::string_view name, const Filter* /*filter*/, int parts,
                                         StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto file, find(name, stop));
    return file->parquet == nullptr ? std::vector<IdRange>{IdRange{}} : file->parquet->plan(parts);
  }

  Result<std::unique_ptr<PointReader>> open_reader(std::string_view name,
                                                   const ScanOptions& options,
                                                   StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto file, find(name, stop));
    if (options.vectors) {
      for (const auto& vector : *options.vectors) {
        ARROW_RETURN_NOT_OK(file->head.config.vector(vector).status());
      }
    }
    ARROW_ASSIGN_OR_RAISE(auto batches, read(*file, options, stop));
    return filtered_reader(std::move(batches),
                           {.config = file->head.config, .ordered = file->head.ordered}, options);
  }

  Result<std::unique_ptr<PointWriter>> open_writer(std::string_view name, StopToken stop) override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (output_ != nullptr && name == output_name_) {
        return std::make_unique<FileWriter>(output_, std::move(stop));
      }
    }
    ARROW_RETURN_NOT_OK(find(name, stop).status());
    return not_possible("be written into once it is whole", path_);
  }

 private:
  bool is_standard_input() const { return path_ == "-" && !options_.write; }

  JsonReadOptions json_options(const Opened& file, const ScanOptions& scan) const {
    JsonReadOptions json;
    json.form = file.format.form == FileForm::kPlainJson ? JsonForm::kPlain : JsonForm::kLines;
    json.distance = options_.distance;
    json.original_id_key = options_.original_id_key;
    json.vectors = vectors_to_read(scan);
    json.payload = payload_to_read(scan);
    json.range = scan.range;
    if (scan.batch_bytes > 0) {
      json.batch_bytes = scan.batch_bytes;
    }
    return json;
  }

  Result<std::unique_ptr<arrow::RecordBatchReader>> read(const Opened& file,
                                                         const ScanOptions& scan,
                                                         const StopToken& stop) const {
    const auto json = json_options(file, scan);
    if (file.parquet == nullptr) {
      return open_json_reader(source_.text(file.format.compression), file.head, json, stop);
    }
    return file.parquet->read({.vectors = json.vectors,
                               .payload = json.payload,
                               .range = json.range,
                               .batch_bytes = json.batch_bytes},
                              stop);
  }

  // Size and time of change; zeros for what is not a file.
  std::pair<int64_t, int64_t> stamp() const {
    struct stat info {};
    if (path_ == "-" || ::stat(path_.c_str(), &info) != 0) {
      return {0, 0};
    }
    return {info.st_size, info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec};
  }

  /// The file as it was looked into last, unless it has changed.
  /// Errors: kNotFound, and those of reading it.
  Result<std::shared_ptr<const Opened>> look(const StopToken& stop) const {
    if (path_ == "-" && options_.write) {
      return fail({.kind = ErrorKind::kNotFound,
                   .what = "standard output cannot be read back",
                   .where = "-"});
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto now = stamp();
    if (looked_ != nullptr && looked_->stamp == now) {
      return looked_;
    }
    looked_.reset();
    ARROW_RETURN_NOT_OK(source_.prepare(stop));
    auto opened = std::make_shared<Opened>();
    opened->stamp = now;
    if (format_) {
      opened->format = *format_;
    } else {
      constexpr size_t kGuessBytes = size_t{1} << 16;
      ARROW_ASSIGN_OR_RAISE(const auto bytes, source_.first_bytes(kGuessBytes));
      opened->format = guess_file_format(bytes);
    }
    if (opened->format.form == FileForm::kParquet) {
      ARROW_ASSIGN_OR_RAISE(
          opened->parquet,
          ParquetFile::open(
              source_.parquet(),
              {.distance = options_.distance, .original_id_key = options_.original_id_key}, stop));
      opened->head = opened->parquet->head();
    } else {
      ARROW_ASSIGN_OR_RAISE(opened->head, read_json_head(source_.text(opened->format.compression),
                                                         json_options(*opened, {}), stop));
    }
    const auto& given = opened->head.collection_name;
    opened->name = !given.empty()                      ? given
                   : !options_.collection_name.empty() ? options_.collection_name
                   : path_ == "-"                      ? "points"
                                                       : stem_of(path_);
    looked_ = std::move(opened);
    return looked_;
  }

  std::shared_ptr<const Opened> look_if_there() const {
    if (is_standard_input() && !format_) {
      return nullptr;  // would block
    }
    const auto file = look(StopToken::Unstoppable());
    return file.ok() ? *file : nullptr;
  }

  Result<std::shared_ptr<const Opened>> find(std::string_view name, const StopToken& stop) const {
    ARROW_RETURN_NOT_OK(poll(stop));
    ARROW_ASSIGN_OR_RAISE(auto file, look(stop));
    if (file->name != name) {
      return fail({.kind = ErrorKind::kNotFound,
                   .what = fmt::format("no collection '{}' in the file", name),
                   .where = path_,
                   .next = fmt::format("its collection is '{}'", file->name)});
    }
    return file;
  }

  const std::string path_;
  const std::optional<FileFormat> format_;
  const FileOptions options_;
  mutable FileSource source_;
  mutable std::mutex mutex_{};
  mutable std::shared_ptr<const Opened> looked_{};
  std::shared_ptr<PointsOutput> output_{};
  std::string output_name_{};
};

}  // namespace

std::shared_ptr<Backend> points_file(std::string path, std::optional<FileFormat> format,
                                     FileOptions options) {
  return std::make_shared<FileBackend>(std::move(path), format, std::move(options));
}

}  // namespace vecferry::files
