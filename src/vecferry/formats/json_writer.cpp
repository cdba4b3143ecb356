#include "vecferry/formats/json_writer.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "arrow/io/interfaces.h"
#include "arrow/record_batch.h"
#include "arrow/util/float16.h"
#include "vecferry/formats/payload_members_internal.h"
#include "vecferry/model/json_number.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/model/vector_label.h"

namespace vecferry {
namespace {

using formats::Member;
using formats::MemberScanner;

constexpr size_t kFlushBytes = size_t{1} << 20;
constexpr int kCountWidth = 20;  // of the largest 64-bit number

std::string json_string(std::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string now_as_python_prints_it() {
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     (now - seconds).count());
}

void append_number(uint64_t number, std::string* out) {
  std::array<char, 20> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  out->append(text.data(), static_cast<size_t>(end - text.data()));
}

}  // namespace

class JsonWriter::Impl {
 public:
  Impl(std::shared_ptr<arrow::io::OutputStream> stream, CollectionConfig config,
       JsonWriteOptions options)
      : stream_(std::move(stream)), config_(std::move(config)), options_(std::move(options)) {}

  Status begin() { return options_.form == JsonForm::kPlain ? begin_plain() : begin_lines(); }

  Status write(const arrow::RecordBatch& batch) {
    ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(batch));
    ARROW_RETURN_NOT_OK(check_vectors(points));
    const size_t before = text_.size();
    for (int64_t row = 0; row < points.rows(); ++row) {
      const Status written =
          options_.form == JsonForm::kPlain ? write_document(points, row) : write_line(points, row);
      if (!written.ok()) {
        text_.resize(before);
        return widen(written, fmt::format("point {}", to_string(points.id(row))));
      }
    }
    count_ += static_cast<uint64_t>(points.rows());
    return text_.size() < kFlushBytes ? Status::OK() : flush();
  }

  Result<std::optional<TextPatch>> finish() {
    if (options_.form == JsonForm::kPlain) {
      text_.append(count_ == 0 ? "]" : "\n  ]");
      if (!options_.patchable) {
        text_.append(fmt::format(",\n  \"document_count\": {}", count_));
      }
      text_.append("\n}\n");
    }
    ARROW_RETURN_NOT_OK(flush());
    if (options_.form == JsonForm::kLines && options_.points_count == count_) {
      return std::nullopt;
    }
    if (count_offset_ && options_.patchable) {
      return TextPatch{.offset = *count_offset_,
                       .text = fmt::format("{:>{}}", count_, kCountWidth)};
    }
    if (options_.form == JsonForm::kLines && options_.points_count) {
      return fail(
          {.kind = ErrorKind::kConflict,
           .what = fmt::format("{} points were declared, {} came", *options_.points_count, count_),
           .next = "the source changed meanwhile; try again",
           .retryable = true});
    }
    return std::nullopt;
  }

 private:
  Status begin_plain() {
    if (options_.exported_at.empty()) {
      options_.exported_at = now_as_python_prints_it();
    }
    text_ = fmt::format("{{\n  \"collection_name\": {},\n  \"exported_at\": {},\n",
                        json_string(options_.collection_name), json_string(options_.exported_at));
    if (options_.patchable) {
      text_.append("  \"document_count\": ");
      count_offset_ = static_cast<int64_t>(text_.size());
      text_.append(kCountWidth, ' ').append(",\n");
    }
    text_.append(
        fmt::format("  \"format\": \"vecferry.plain\",\n  \"version\": 1,\n  \"config\": {},\n"
                    "  \"aliases\": {},\n  \"documents\": [",
                    to_json(config_), nlohmann::json(config_.aliases).dump()));
    return Status::OK();
  }

  Status begin_lines() {
    text_ = to_json(config_);
    text_.pop_back();
    text_.append(fmt::format(",\"name\":{}", json_string(options_.collection_name)));
    if (options_.points_count) {
      text_.append(",\"points\":");
      count_offset_ = static_cast<int64_t>(text_.size());
      text_.append(fmt::format("{:>{}}", *options_.points_count, kCountWidth));
    }
    text_.append("}\n");
    return Status::OK();
  }

  Status flush() {
    ARROW_RETURN_NOT_OK(stream_->Write(text_.data(), static_cast<int64_t>(text_.size())));
    text_.clear();
    return Status::OK();
  }

  // Their quoted names are made here, once a batch.
  Status check_vectors(const PointsView& points) {
    names_.clear();
    for (const auto& column : points.vectors()) {
      const auto& found = column.spec();
      const auto spec = config_.vector(found.name);
      if (!spec.ok() || spec->kind != found.kind || spec->dim != found.dim ||
          spec->element != found.element) {
        return fail({.kind = ErrorKind::kIncompatible,
                     .what = vector_label(found.name) +
                             " is not what the collection's configuration says"});
      }
      names_.push_back(json_string(found.name));
    }
    return Status::OK();
  }

  Status write_document(const PointsView& points, int64_t row) {
    text_.append(row == 0 && count_ == 0 ? "\n{\"id\":\"" : ",\n{\"id\":\"");
    const PointId id = points.id(row);
    if (id.is_uuid) {
      text_.append(to_string(id));
    } else {
      append_number(id.number, &text_);
    }
    text_.push_back('"');
    append_payload_parts(points.payload(row));
    ARROW_RETURN_NOT_OK(append_vectors(points, row));
    append_shard_key(points, row);
    text_.push_back('}');
    return Status::OK();
  }

  Status write_line(const PointsView& points, int64_t row) {
    text_.append("{\"id\":");
    const PointId id = points.id(row);
    if (id.is_uuid) {
      text_.append("\"").append(to_string(id)).append("\"");
    } else {
      append_number(id.number, &text_);
    }
    append_shard_key(points, row);
    ARROW_RETURN_NOT_OK(append_vectors(points, row));
    if (const auto payload = points.payload(row); !payload.empty()) {
      text_.append(",\"payload\":").append(payload);
    }
    text_.append("}\n");
    return Status::OK();
  }

  void append_shard_key(const PointsView& points, int64_t row) {
    if (const auto key = points.shard_key(row)) {
      text_.append(",\"shard_key\":").append(json_string(*key));
    }
  }

  // `content` when it is a string; everything else is `metadata`.
  void append_payload_parts(std::string_view payload) {
    std::string_view content;
    Member member;
    for (MemberScanner scanner(payload); scanner.next(&member);) {
      if (member.key == "\"content\"" && member.value.front() == '"') {
        content = member.value;
      }
    }
    if (content.empty()) {
      text_.append(",\"metadata\":").append(payload.empty() ? "{}" : payload);
      return;
    }
    // The member is cut out of the object's text, with the comma before or behind it.
    constexpr size_t kKeyLength = std::string_view("\"content\":").size();
    size_t begin = static_cast<size_t>(content.data() - payload.data()) - kKeyLength;
    size_t end = begin + kKeyLength + content.size();
    if (payload[begin - 1] == ',') {
      --begin;
    } else if (payload[end] == ',') {
      ++end;
    }
    text_.append(",\"content\":").append(content).append(",\"metadata\":");
    text_.append(payload.substr(0, begin)).append(payload.substr(end));
  }

  Status append_vectors(const PointsView& points, int64_t row) {
    const auto& columns = points.vectors();
    size_t present = 0;
    for (const auto& column : columns) {
      present += column.present(row) ? 1 : 0;
    }
    if (present == 0) {
      return Status::OK();
    }
    text_.append(",\"vector\":");
    if (present == 1 && columns.front().spec().name.empty() && columns.front().present(row) &&
        columns.front().spec().kind != VectorKind::kSparse) {
      return append_vector(columns.front(), row);
    }
    char separator = '{';
    for (size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].present(row)) {
        text_.push_back(separator);
        separator = ',';
        text_.append(names_[i]).push_back(':');
        ARROW_RETURN_NOT_OK(append_vector(columns[i], row));
      }
    }
    text_.push_back('}');
    return Status::OK();
  }

  Status append_vector(const VectorColumn& column, int64_t row) {
    const auto& spec = column.spec();
    if (spec.kind == VectorKind::kSparse) {
      text_.append("{\"indices\":");
      char separator = '[';
      for (const uint32_t index : column.indices(row)) {
        text_.push_back(separator);
        separator = ',';
        append_number(index, &text_);
      }
      text_.append(separator == '[' ? "[],\"values\":" : "],\"values\":");
      const auto values = column.values(row);
      ARROW_RETURN_NOT_OK(append_floats(spec, values.data(), values.size()));
      text_.push_back('}');
      return Status::OK();
    }
    const std::byte* elements = column.elements(row).data();
    if (spec.kind == VectorKind::kDense) {
      return append_elements(spec, elements);
    }
    const size_t inner_bytes = spec.dim * size_of(spec.element);
    for (int64_t inner = 0; inner < column.vector_count(row); ++inner) {
      text_.push_back(inner == 0 ? '[' : ',');
      ARROW_RETURN_NOT_OK(
          append_elements(spec, elements + static_cast<size_t>(inner) * inner_bytes));
    }
    text_.push_back(']');
    return Status::OK();
  }

  Status append_elements(const VectorSpec& spec, const std::byte* elements) {
    switch (spec.element) {
      case ElementType::kFloat32:
        return append_floats(spec, reinterpret_cast<const float*>(elements), spec.dim);
      case ElementType::kFloat16:
        floats_.resize(spec.dim);
        for (size_t i = 0; i < spec.dim; ++i) {
          uint16_t bits = 0;
          std::memcpy(&bits, elements + i * sizeof bits, sizeof bits);
          floats_[i] = arrow::util::Float16::FromBits(bits).ToFloat();
        }
        return append_floats(spec, floats_.data(), spec.dim);
      case ElementType::kUint8:
        break;
    }
    for (size_t i = 0; i < spec.dim; ++i) {
      text_.push_back(i == 0 ? '[' : ',');
      append_number(static_cast<uint8_t>(elements[i]), &text_);
    }
    text_.push_back(']');
    return Status::OK();
  }

  Status append_floats(const VectorSpec& spec, const float* values, size_t count) {
    const size_t written = append_float32_list(values, count, &text_);
    if (written == count) {
      return Status::OK();
    }
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("element {} of the vector is {}, which JSON cannot say",
                                     written + 1, values[written]),
                 .where = vector_label(spec.name),
                 .next = "write to a .parquet file, which keeps every float"});
  }

  std::shared_ptr<arrow::io::OutputStream> stream_;
  CollectionConfig config_;
  JsonWriteOptions options_;
  std::string text_;
  std::vector<std::string> names_;  // of a batch's vectors, quoted
  std::vector<float> floats_;
  std::optional<int64_t> count_offset_;
  uint64_t count_ = 0;
};

JsonWriter::JsonWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JsonWriter::~JsonWriter() = default;

Result<std::unique_ptr<JsonWriter>> JsonWriter::open(
    std::shared_ptr<arrow::io::OutputStream> stream, const CollectionConfig& config,
    const JsonWriteOptions& options) {
  auto impl = std::make_unique<Impl>(std::move(stream), config, options);
  ARROW_RETURN_NOT_OK(impl->begin());
  return std::unique_ptr<JsonWriter>(new JsonWriter(std::move(impl)));
}

Status JsonWriter::write(const arrow::RecordBatch& batch) {
  return impl_->write(batch);
}
Result<std::optional<TextPatch>> JsonWriter::finish() {
  return impl_->finish();
}

}  // namespace vecferry
