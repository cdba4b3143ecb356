#include "vecferry/formats/json_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "arrow/io/interfaces.h"
#include "arrow/record_batch.h"
#include "vecferry/formats/document_parser_internal.h"
#include "vecferry/formats/document_stream_internal.h"
#include "vecferry/formats/seen_ids_internal.h"
#include "vecferry/model/points_builder.h"
#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace {

using formats::Document;
using formats::DocumentOptions;
using formats::DocumentParser;
using formats::DocumentStream;
using formats::ParsedDocument;
using formats::ParsedVector;
using formats::SeenIds;

constexpr int kSampleDocuments = 100;

// What is wrong with a document is the file's fault, whoever noticed: "incompatible" would say that
// the target is to blame.
Status blame(const Status& status, const DocumentStream& stream, const Document& document,
             const std::string& id) {
  if (status.ok() || kind_of(status) == ErrorKind::kCancelled) {
    return status;
  }
  Failure failure = failure_of(status);
  failure.kind = ErrorKind::kCorrupt;
  std::string where = stream.place(document.number);
  if (!id.empty()) {
    where += fmt::format(" (id {})", id);
  }
  failure.where = failure.where.empty() ? where : where + ", " + failure.where;
  if (document.cut) {
    failure.what += "; the file ends in the middle of this line";
    failure.next = "get the whole file, or export the collection again";
  }
  return fail(std::move(failure));
}

DocumentOptions document_options(const JsonReadOptions& options) {
  DocumentOptions result{.original_id_key = options.original_id_key, .payload = options.payload};
  result.vector_names = options.vectors;
  return result;
}

std::string_view shard_key_of(const ParsedDocument& document) {
  return document.has_shard_key ? std::string_view(document.shard_key) : std::string_view();
}

Result<nlohmann::json> parse_head_json(const DocumentStream& stream, const std::string& key,
                                       const std::string& file) {
  const auto found = stream.head().find(key);
  if (found == stream.head().end()) {
    return nlohmann::json();
  }
  auto json = nlohmann::json::parse(found->second, nullptr, false);
  if (json.is_discarded()) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = "not valid JSON",
                 .where = file + ", " + (key.empty() ? "line 1" : key)});
  }
  return json;
}

// ------------------------------------------------------------------------- configuration

// Vectors in the order they are met, of a file without a configuration.
class VectorFinder {
 public:
  explicit VectorFinder(Distance distance) : distance_(distance) {}

  void add(const ParsedDocument& document) {
    for (const auto& vector : document.present()) {
      const auto known = std::find_if(specs_.begin(), specs_.end(), [&](const VectorSpec& spec) {
        return spec.name == vector.name;
      });
      if (known == specs_.end()) {
        specs_.push_back(
            {.name = vector.name,
             .kind = vector.kind,
             .dim = vector.dim,
             .distance = vector.kind == VectorKind::kSparse ? Distance::kDot : distance_});
      }
    }
  }
  bool any() const { return !specs_.empty(); }
  CollectionConfig config() const { return default_config(specs_); }

 private:
  Distance distance_;
  std::vector<VectorSpec> specs_;
};

Result<CollectionConfig> infer_config(DocumentStream& stream, const JsonReadOptions& options,
                                      const StopToken& stop) {
  auto wanted = document_options(options);
  wanted.payload = false;
  wanted.vector_names.reset();
  DocumentParser parser(std::move(wanted));
  ParsedDocument parsed;
  VectorFinder finder(options.distance);
  for (int seen = 0; seen < kSampleDocuments || !finder.any(); ++seen) {
    ARROW_RETURN_NOT_OK(poll(stop));
    ARROW_ASSIGN_OR_RAISE(const auto document, stream.next());
    if (!document) {
      break;
    }
    ARROW_RETURN_NOT_OK(blame(parser.parse(document->text, &parsed), stream, *document, ""));
    finder.add(parsed);
  }
  return finder.config();
}

Result<FileHead> head_of_plain(const DocumentStream& stream, const std::string& file) {
  FileHead head;
  ARROW_ASSIGN_OR_RAISE(const auto name, parse_head_json(stream, "collection_name", file));
  if (name.is_string()) {
    head.collection_name = name.get<std::string>();
  }
  ARROW_ASSIGN_OR_RAISE(const auto format, parse_head_json(stream, "format", file));
  ARROW_ASSIGN_OR_RAISE(const auto version, parse_head_json(stream, "version", file));
  if (format == "vecferry.plain" && version.is_number_integer() && version.get<int64_t>() > 1) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("the file has version {} of the plain form, newer than this "
                                     "program",
                                     version.dump()),
                 .where = file,
                 .next = "update vecferry"});
  }
  const auto config = stream.head().find("config");
  // `config` alone could be anybody's.
  head.config_inferred = format != "vecferry.plain" || config == stream.head().end();
  if (!head.config_inferred) {
    const auto parsed = parse_collection_config(config->second);
    ARROW_RETURN_NOT_OK(widen(parsed.status(), file));
    head.config = *parsed;
    ARROW_ASSIGN_OR_RAISE(const auto aliases, parse_head_json(stream, "aliases", file));
    if (aliases.is_array()) {
      head.config.aliases.clear();
      for (const auto& alias : aliases) {
        if (alias.is_string()) {
          head.config.aliases.push_back(alias.get<std::string>());
        }
      }
      std::sort(head.config.aliases.begin(), head.config.aliases.end());
    }
  }
  return head;
}

Result<FileHead> head_of_lines(const DocumentStream& stream, const std::string& file) {
  FileHead head;
  const auto line = stream.head().find("");
  head.config_inferred = line == stream.head().end();
  if (!head.config_inferred) {
    const auto config = parse_collection_config(line->second);
    ARROW_RETURN_NOT_OK(widen(config.status(), file + ", line 1"));
    head.config = *config;
    ARROW_ASSIGN_OR_RAISE(const auto json, parse_head_json(stream, "", file));
    if (const auto name = json.find("name"); name != json.end() && name->is_string()) {
      head.collection_name = name->get<std::string>();
    }
  }
  return head;
}

// ------------------------------------------------------------------------------ duplicates

// Holds the ids of a file apart. Rereads the file for what SeenIds forgot on purpose.
class DuplicateCheck {
 public:
  DuplicateCheck(TextInput input, JsonForm form, StopToken stop)
      : input_(std::move(input)), form_(form), stop_(std::move(stop)) {}

  Status check(const ParsedDocument& document, int64_t number) {
    auto verdict = seen_.add(document.id, shard_key_of(document));
    if (verdict == SeenIds::Verdict::kForgotten) {
      ARROW_RETURN_NOT_OK(each_before(number, [&](const ParsedDocument& earlier, int64_t) {
        seen_.remember(earlier.id, shard_key_of(earlier));
        return true;
      }));
      verdict = seen_.add(document.id, shard_key_of(document));
    }
    if (verdict == SeenIds::Verdict::kNew) {
      return Status::OK();
    }
    int64_t first = 0;
    ARROW_RETURN_NOT_OK(each_before(number, [&](const ParsedDocument& earlier, int64_t place) {
      if (earlier.id == document.id && shard_key_of(earlier) == shard_key_of(document)) {
        first = place;
      }
      return first == 0;
    }));
    if (first == 0) {
      return Status::OK();  // two ids with one fingerprint
    }
    return fail(
        {.kind = ErrorKind::kCorrupt,
         .what = fmt::format("the id {} is there twice, first in {} {}", to_string(document.id),
                             form_ == JsonForm::kPlain ? "document" : "line", first),
         .where = "id"});
  }

 private:
  // Calls `visit` with every document before `number`, until it returns false.
  template <typename Visit>
  Status each_before(int64_t number, Visit visit) {
    ARROW_ASSIGN_OR_RAISE(const auto stream, DocumentStream::open(input_, form_));
    DocumentParser parser({.payload = false, .vectors = false});
    ParsedDocument parsed;
    for (;;) {
      ARROW_RETURN_NOT_OK(poll(stop_));
      ARROW_ASSIGN_OR_RAISE(const auto document, stream->next());
      if (!document || document->number >= number) {
        return Status::OK();
      }
      ARROW_RETURN_NOT_OK(parser.parse(document->text, &parsed));
      if (!visit(parsed, document->number)) {
        return Status::OK();
      }
    }
  }

  TextInput input_;
  JsonForm form_;
  StopToken stop_;
  SeenIds seen_;
};

// ---------------------------------------------------------------------------------- reader

class JsonReader : public arrow::RecordBatchReader {
 public:
  JsonReader(TextInput input, JsonReadOptions options, StopToken stop,
             std::shared_ptr<arrow::Schema> schema, std::unique_ptr<PointsBuilder> builder,
             std::vector<std::string> known)
      : input_(std::move(input)),
        options_(std::move(options)),
        stop_(std::move(stop)),
        schema_(std::move(schema)),
        builder_(std::move(builder)),
        known_(std::move(known)),
        parser_(document_options(options_)),
        duplicates_(input_, options_.form, stop_) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    batch->reset();
    if (stream_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(stream_, DocumentStream::open(input_, options_.form));
    }
    for (int64_t turn = 0; !done_ && builder_->bytes() < options_.batch_bytes; ++turn) {
      if (turn % 64 == 0) {
        ARROW_RETURN_NOT_OK(poll(stop_));
      }
      ARROW_ASSIGN_OR_RAISE(const auto document, stream_->next());
      if (!document) {
        done_ = true;
        break;
      }
      ARROW_RETURN_NOT_OK(blame(parser_.parse(document->text, &parsed_), *stream_, *document, ""));
      const Status added = add(document->number);
      if (!added.ok()) {
        return blame(added, *stream_, *document, to_string(parsed_.id));
      }
    }
    if (builder_->rows() > 0) {
      ARROW_ASSIGN_OR_RAISE(*batch, builder_->finish());
    }
    return Status::OK();
  }

 private:
  Status add(int64_t number) {
    ARROW_RETURN_NOT_OK(duplicates_.check(parsed_, number));
    if (!options_.range.contains(parsed_.id)) {
      return Status::OK();
    }
    ARROW_RETURN_NOT_OK(builder_->start_point(
        parsed_.id,
        parsed_.has_shard_key ? std::optional<std::string_view>(parsed_.shard_key) : std::nullopt));
    for (const auto& vector : parsed_.present()) {
      const Status added = add_vector(vector);
      if (!added.ok()) {
        Failure failure = failure_of(added);
        failure.where = vector.name.empty() ? "vector" : fmt::format("vector '{}'", vector.name);
        return fail(std::move(failure));
      }
    }
    return builder_->append_payload(parsed_.payload);
  }

  Status add_vector(const ParsedVector& vector) {
    const auto& specs = builder_->vectors();
    size_t index = 0;
    while (index < specs.size() && specs[index].name != vector.name) {
      ++index;
    }
    if (index == specs.size()) {
      return unknown_vector(vector.name);
    }
    const auto& spec = specs[index];
    // A list of one-element lists and a flat list differ; a dense vector in a multivector's place
    // is one inner vector.
    const bool fits = spec.kind == vector.kind ||
                      (spec.kind == VectorKind::kMulti && vector.kind == VectorKind::kDense);
    if (!fits) {
      return fail({.kind = ErrorKind::kCorrupt,
                   .what = fmt::format("expected a {} vector, got a {} one", to_string(spec.kind),
                                       to_string(vector.kind))});
    }
    if (spec.kind == VectorKind::kSparse) {
      return builder_->append_sparse(index, parsed_.indices_of(vector), parsed_.values_of(vector));
    }
    if (vector.dim != spec.dim) {
      return fail({.kind = ErrorKind::kCorrupt,
                   .what = fmt::format("expected dim {}, got {}", spec.dim, vector.dim)});
    }
    return builder_->append_vector(index, parsed_.values_of(vector));
  }

  Status unknown_vector(const std::string& name) const {
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) {
      return Status::OK();  // not asked for
    }
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = name.empty() ? "the collection has no unnamed vector"
                                      : fmt::format("the collection has no vector '{}'", name),
                 .next = "the vectors are those of the file's configuration, else those of its "
                         "first documents"});
  }

  TextInput input_;
  JsonReadOptions options_;
  StopToken stop_;
  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<PointsBuilder> builder_;
  std::vector<std::string> known_;
  DocumentParser parser_;
  DuplicateCheck duplicates_;
  std::unique_ptr<DocumentStream> stream_;
  ParsedDocument parsed_;
  bool done_ = false;
};

}  // namespace

Result<FileHead> read_json_head(const TextInput& input, const JsonReadOptions& options,
                                StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto stream, DocumentStream::open(input, options.form));
  ARROW_ASSIGN_OR_RAISE(auto head, options.form == JsonForm::kPlain
                                       ? head_of_plain(*stream, input.name)
                                       : head_of_lines(*stream, input.name));
  head.points_count = stream->declared();
  if (head.config_inferred) {
    ARROW_ASSIGN_OR_RAISE(head.config, infer_config(*stream, options, stop));
  }
  return head;
}

Result<std::unique_ptr<arrow::RecordBatchReader>> open_json_reader(const TextInput& input,
                                                                   const FileHead& head,
                                                                   const JsonReadOptions& options,
                                                                   StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(auto schema, points_schema(head.config, options.vectors));
  ARROW_ASSIGN_OR_RAISE(auto builder, PointsBuilder::make(schema));
  std::vector<std::string> known;
  for (const auto& spec : head.config.vectors) {
    known.push_back(spec.name);
  }
  return std::make_unique<JsonReader>(input, options, std::move(stop), std::move(schema),
                                      std::move(builder), std::move(known));
}

Result<uint64_t> count_json_points(const TextInput& input, const JsonReadOptions& options,
                                   StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto stream, DocumentStream::open(input, options.form));
  DocumentParser parser(
      {.original_id_key = options.original_id_key, .payload = false, .vectors = false});
  ParsedDocument parsed;
  uint64_t count = 0;
  for (uint64_t turn = 0;; ++turn) {
    if (turn % 64 == 0) {
      ARROW_RETURN_NOT_OK(poll(stop));
    }
    ARROW_ASSIGN_OR_RAISE(const auto document, stream->next());
    if (!document) {
      return count;
    }
    ARROW_RETURN_NOT_OK(blame(parser.parse(document->text, &parsed), *stream, *document, ""));
    count += options.range.contains(parsed.id) ? 1 : 0;
  }
}

}  // namespace vecferry
