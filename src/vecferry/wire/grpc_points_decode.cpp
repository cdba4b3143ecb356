#include <fmt/format.h>
#include <simdjson.h>

#include <cstring>
#include <utility>

#include "vecferry/model/shard_key.h"
#include "vecferry/wire/fields_internal.h"
#include "vecferry/wire/grpc_points.h"
#include "vecferry/wire/payload_value_internal.h"
#include "vecferry/wire/points_layout_internal.h"
#include "vecferry/wire/vector_sink_internal.h"

namespace vecferry::wire {
namespace {

// Packed floats of one repeated field: mostly one run of bytes, which is used where it lies.
class FloatRun {
 public:
  void clear() {
    run_ = {};
    joined_.clear();
    split_ = false;
  }
  /// False for bytes that are no floats.
  bool add(const FieldReader& fields) {
    if (fields.type() == WireType::kBytes) {
      return add(fields.bytes());
    }
    if (fields.type() != WireType::kFixed32) {
      return false;
    }
    const auto bits = static_cast<uint32_t>(fields.number());
    char bytes[sizeof bits];
    std::memcpy(bytes, &bits, sizeof bits);
    return add({bytes, sizeof bits}, true);
  }
  std::string_view bytes() const { return split_ ? std::string_view(joined_) : run_; }

 private:
  bool add(std::string_view bytes, bool copy = false) {
    if (bytes.size() % sizeof(float) != 0) {
      return false;
    }
    if (!split_ && run_.empty() && !copy) {
      run_ = bytes;
      return true;
    }
    if (!split_) {
      joined_.assign(run_);
      split_ = true;
    }
    joined_.append(bytes);
    return true;
  }

  std::string_view run_{};
  std::string joined_{};
  bool split_ = false;
};

bool add_indices(const FieldReader& fields, std::vector<uint32_t>* indices) {
  if (fields.type() == WireType::kVarint) {
    indices->push_back(static_cast<uint32_t>(fields.number()));
    return true;
  }
  if (fields.type() != WireType::kBytes) {
    return false;
  }
  FieldReader packed(fields.bytes());
  while (!packed.done()) {
    uint64_t value = 0;
    if (!packed.varint(&value)) {
      return false;
    }
    indices->push_back(static_cast<uint32_t>(value));
  }
  return true;
}

Status refuse_request(std::string what) {
  return fail({.kind = ErrorKind::kUsage, .what = std::move(what)});
}

}  // namespace

class PointsDecoder::Impl {
 public:
  Impl(PointsBuilder* builder, Direction direction)
      : builder_(*builder), sink_(builder, direction), direction_(direction) {}

  Result<PointsReply> reply(std::string_view message, uint32_t points_field,
                            std::optional<uint32_t> next_field) {
    PointsReply reply;
    FieldReader fields(message);
    while (fields.next()) {
      if (fields.is(points_field, WireType::kBytes)) {
        payload_.reset_doubt();
        ARROW_RETURN_NOT_OK(point(fields.bytes(), kRetrievedPoint, std::nullopt));
        ++reply.points;
        if (payload_.doubtful()) {
          reply.doubtful.push_back(id_);
        }
      } else if (next_field && fields.is(*next_field, WireType::kBytes)) {
        ARROW_ASSIGN_OR_RAISE(reply.next_page, read_id(fields.bytes()));
      }
    }
    if (fields.failed()) {
      return malformed("a reply with points");
    }
    return reply;
  }

  Result<std::optional<PointId>> next_page(std::string_view message) const {
    FieldReader fields(message);
    while (fields.next()) {
      if (fields.is(kScrollNext, WireType::kBytes)) {
        ARROW_ASSIGN_OR_RAISE(const auto id, read_id(fields.bytes()));
        return id;
      }
    }
    return fields.failed() ? Result<std::optional<PointId>>(malformed("a reply with points"))
                           : std::optional<PointId>();
  }

  Result<ScoredReply> scored(std::string_view message) {
    ScoredReply reply;
    FieldReader fields(message);
    while (fields.next()) {
      if (!fields.is(kQueryPoints, WireType::kBytes)) {
        continue;
      }
      ARROW_RETURN_NOT_OK(point(fields.bytes(), kScoredPoint, std::nullopt));
      ++reply.points;
      reply.scores.push_back(0);
      reply.versions.push_back(0);
      FieldReader beside(fields.bytes());
      while (beside.next()) {
        if (beside.is(kScore, WireType::kFixed32)) {
          const auto bits = static_cast<uint32_t>(beside.number());
          std::memcpy(&reply.scores.back(), &bits, sizeof bits);
        } else if (beside.is(kVersion, WireType::kVarint)) {
          reply.versions.back() = beside.number();
        }
      }
    }
    if (fields.failed()) {
      return malformed("a reply with scores");
    }
    return reply;
  }

  Status upsert(std::string_view message, std::optional<std::string_view> shard_key) {
    FieldReader fields(message);
    while (fields.next()) {
      if (fields.is(kUpsertPoints, WireType::kBytes)) {
        ARROW_RETURN_NOT_OK(point(fields.bytes(), kPointStruct, shard_key));
      }
    }
    return fields.failed() ? malformed("an upsert") : Status::OK();
  }

  Status point(std::string_view message, const PointLayout& layout,
               std::optional<std::string_view> given_key) {
    entries_.clear();
    std::string_view id_bytes;
    std::string_view vectors_bytes;
    std::string_view key_bytes;
    bool has_id = false;
    bool has_vectors = false;
    bool has_key = false;
    FieldReader fields(message);
    while (fields.next()) {
      if (fields.type() != WireType::kBytes) {
        continue;
      }
      const uint32_t field = fields.field();
      if (field == layout.id) {
        id_bytes = fields.bytes();
        has_id = true;
      } else if (field == layout.payload) {
        ARROW_ASSIGN_OR_RAISE(const ValueEntry entry, read_entry(fields.bytes()));
        entries_.push_back(entry);
      } else if (field == layout.vectors) {
        vectors_bytes = fields.bytes();
        has_vectors = true;
      } else if (field == layout.shard_key) {
        key_bytes = fields.bytes();
        has_key = true;
      }
    }
    if (fields.failed()) {
      return malformed("a point");
    }
    if (!has_id) {
      return refused_or("Empty ID is not allowed", "a point without an id");
    }
    ARROW_ASSIGN_OR_RAISE(id_, read_id(id_bytes));
    if (has_key) {
      ARROW_ASSIGN_OR_RAISE(shard_key_, read_shard_key(key_bytes));
      given_key = shard_key_;
    }
    ARROW_RETURN_NOT_OK(builder_.start_point(id_, given_key));
    if (has_vectors) {
      ARROW_RETURN_NOT_OK(at_point(vectors(vectors_bytes)));
    } else if (direction_ == Direction::kRequest) {
      return refuse_request("Expected some vectors");
    }
    json_.clear();
    ARROW_RETURN_NOT_OK(at_point(payload_.append(&entries_, &json_)));
    return builder_.append_payload(json_);
  }

 private:
  // Refusals of requests are the server's words, to which nothing is added.
  Status at_point(const Status& status) const {
    return status.ok() || direction_ == Direction::kRequest
               ? status
               : widen(status, "point " + to_string(id_));
  }

  // A request is refused in the server's words, a reply is no such message.
  Status refused_or(std::string_view words, std::string_view what) const {
    return direction_ == Direction::kRequest ? refuse_request(std::string(words)) : malformed(what);
  }

  Result<PointId> read_id(std::string_view message) const {
    std::optional<PointId> id;
    FieldReader fields(message);
    while (fields.next()) {
      if (fields.is(kIdNumber, WireType::kVarint)) {
        id = PointId::of(fields.number());
      } else if (fields.is(kIdUuid, WireType::kBytes)) {
        const auto uuid = parse_uuid(fields.bytes());
        if (!uuid) {
          return refused_or(fmt::format("Unable to parse UUID: {}", fields.bytes()),
                            "a point id that is no UUID");
        }
        id = PointId::of(*uuid);
      }
    }
    if (fields.failed()) {
      return malformed("a point id");
    }
    if (!id) {
      return refused_or("Empty ID is not allowed", "an empty point id");
    }
    return *id;
  }

  Status vectors(std::string_view message) {
    bool any = false;
    FieldReader fields(message);
    while (fields.next()) {
      if (fields.is(kUnnamedVector, WireType::kBytes)) {
        any = true;
        ARROW_RETURN_NOT_OK(vector("", fields.bytes()));
      } else if (fields.is(kNamedVectors, WireType::kBytes)) {
        any = true;
        FieldReader named(fields.bytes());
        while (named.next()) {
          if (named.is(kMapOfVectors, WireType::kBytes)) {
            ARROW_ASSIGN_OR_RAISE(const ValueEntry entry, read_entry(named.bytes()));
            ARROW_RETURN_NOT_OK(vector(entry.key, entry.value));
          }
        }
        if (named.failed()) {
          return malformed("named vectors");
        }
      }
    }
    if (fields.failed()) {
      return malformed("vectors");
    }
    return any || direction_ == Direction::kReply ? Status::OK()
                                                  : refuse_request("No Vector Provided");
  }

  Status vector(std::string_view name, std::string_view message) {
    floats_.clear();
    indices_.clear();
    bool old_sparse = false;
    std::optional<size_t> old_count;
    uint32_t kind = 0;
    std::string_view inner;
    FieldReader fields(message);
    while (fields.next()) {
      switch (fields.field()) {
        case kOldData:
          if (!floats_.add(fields)) {
            return malformed("a vector");
          }
          break;
        case kOldIndices:
          old_sparse = true;
          ARROW_RETURN_NOT_OK(old_indices(fields));
          break;
        case kOldCount:
          if (fields.type() != WireType::kVarint) {
            return malformed("a multivector");
          }
          old_count = static_cast<size_t>(fields.number());
          break;
        case kDense:
        case kSparse:
        case kMultiDense:
        case kDocument:
        case kImage:
        case kObject:
          if (fields.type() == WireType::kBytes) {
            kind = fields.field();
            inner = fields.bytes();
          }
          break;
        default:
          break;
      }
    }
    if (fields.failed()) {
      return malformed("a vector");
    }
    switch (kind) {
      case kDense:
        return dense(name, inner);
      case kSparse:
        return sparse(name, inner);
      case kMultiDense:
        return multi(name, inner);
      case kDocument:
      case kImage:
      case kObject:
        return refused_or(
            "Wrong input: inference of vectors from text, images or objects is not available here",
            "a vector of an unknown kind");
      default:
        break;
    }
    if (old_sparse) {
      return sink_.sparse(name, indices_, aligned(floats_.bytes()));
    }
    return sink_.dense(name, floats_.bytes(), old_count);
  }

  // SparseIndices, which the deprecated form has beside `data`.
  Status old_indices(const FieldReader& fields) {
    if (fields.type() != WireType::kBytes) {
      return malformed("sparse indices");
    }
    FieldReader wrapped(fields.bytes());
    while (wrapped.next()) {
      if (wrapped.field() == 1 && !add_indices(wrapped, &indices_)) {
        return malformed("sparse indices");
      }
    }
    return wrapped.failed() ? malformed("sparse indices") : Status::OK();
  }

  Status add_dense(std::string_view message) {
    FieldReader fields(message);
    while (fields.next()) {
      if (fields.field() == kDenseData && !floats_.add(fields)) {
        return malformed("a dense vector");
      }
    }
    return fields.failed() ? malformed("a dense vector") : Status::OK();
  }

  Status dense(std::string_view name, std::string_view message) {
    floats_.clear();
    ARROW_RETURN_NOT_OK(add_dense(message));
    return sink_.dense(name, floats_.bytes(), std::nullopt);
  }

  Status multi(std::string_view name, std::string_view message) {
    floats_.clear();
    size_t count = 0;
    size_t first_bytes = 0;
    FieldReader fields(message);
    while (fields.next()) {
      if (!fields.is(kMultiVectors, WireType::kBytes)) {
        continue;
      }
      const size_t before = floats_.bytes().size();
      ARROW_RETURN_NOT_OK(add_dense(fields.bytes()));
      const size_t added = floats_.bytes().size() - before;
      if (count++ == 0) {
        first_bytes = added;
      } else if (added != first_bytes) {
        return refused_or("Wrong input: Vectors of a multivector must all have the same length",
                          "a multivector with inner vectors of several lengths");
      }
    }
    if (fields.failed()) {
      return malformed("a multivector");
    }
    return sink_.dense(name, floats_.bytes(), count);
  }

  Status sparse(std::string_view name, std::string_view message) {
    floats_.clear();
    indices_.clear();
    FieldReader fields(message);
    while (fields.next()) {
      const bool good = fields.field() == kSparseValues    ? floats_.add(fields)
                        : fields.field() == kSparseIndices ? add_indices(fields, &indices_)
                                                           : true;
      if (!good) {
        return malformed("a sparse vector");
      }
    }
    if (fields.failed()) {
      return malformed("a sparse vector");
    }
    return sink_.sparse(name, indices_, aligned(floats_.bytes()));
  }

  std::span<const float> aligned(std::string_view bytes) {
    values_.resize(bytes.size() / sizeof(float));
    if (!bytes.empty()) {
      std::memcpy(values_.data(), bytes.data(), bytes.size());
    }
    return values_;
  }

  PointsBuilder& builder_;
  VectorSink sink_;
  Direction direction_;
  PayloadReader payload_{};
  PointId id_{};
  std::string shard_key_{};
  std::string json_{};
  std::vector<ValueEntry> entries_{};
  FloatRun floats_{};
  std::vector<uint32_t> indices_{};
  std::vector<float> values_{};
};

Result<std::string> read_shard_key(std::string_view message) {
  std::optional<std::string> key;
  FieldReader fields(message);
  while (fields.next()) {
    if (fields.is(kKeyword, WireType::kBytes)) {
      const auto word = fields.bytes();
      if (!simdjson::validate_utf8(word.data(), word.size())) {
        return malformed("a shard key in UTF-8");
      }
      key = shard_key_text(std::string(word));
    } else if (fields.is(kKeyNumber, WireType::kVarint)) {
      key = shard_key_text(fields.number());
    }
  }
  if (fields.failed() || !key) {
    return malformed("a shard key");
  }
  return *std::move(key);
}

namespace {

Status read_selector(std::string_view message, std::vector<std::string>* keys) {
  FieldReader fields(message);
  while (fields.next()) {
    if (fields.is(kSelectorKeys, WireType::kBytes)) {
      ARROW_ASSIGN_OR_RAISE(auto key, read_shard_key(fields.bytes()));
      keys->push_back(std::move(key));
    }
  }
  return fields.failed() ? malformed("a shard key selector") : Status::OK();
}

}  // namespace

PointsDecoder::PointsDecoder(PointsBuilder* builder, Direction direction)
    : impl_(std::make_unique<Impl>(builder, direction)) {}
PointsDecoder::~PointsDecoder() = default;

Result<PointsReply> PointsDecoder::scroll_response(std::string_view message) {
  return impl_->reply(message, kScrollPoints, kScrollNext);
}
Result<PointsReply> PointsDecoder::get_response(std::string_view message) {
  return impl_->reply(message, kGetPoints, std::nullopt);
}
Result<ScoredReply> PointsDecoder::query_response(std::string_view message) {
  return impl_->scored(message);
}
Result<std::optional<PointId>> PointsDecoder::next_page_of(std::string_view scroll_response) const {
  return impl_->next_page(scroll_response);
}
Status PointsDecoder::upsert_points(std::string_view message,
                                    std::optional<std::string_view> shard_key) {
  return impl_->upsert(message, shard_key);
}
Status PointsDecoder::point_struct(std::string_view message,
                                   std::optional<std::string_view> shard_key) {
  return impl_->point(message, kPointStruct, shard_key);
}

Result<UpsertHead> read_upsert_head(std::string_view message) {
  UpsertHead head;
  FieldReader fields(message);
  while (fields.next()) {
    const bool bytes = fields.type() == WireType::kBytes;
    switch (fields.field()) {
      case kUpsertCollection:
        if (bytes) {
          head.collection = fields.bytes();
        }
        break;
      case kUpsertWait:
        head.wait = fields.type() == WireType::kVarint && fields.number() != 0;
        break;
      case kUpsertPoints:
        ++head.points;
        break;
      case kUpsertShardKeys:
        ARROW_RETURN_NOT_OK(
            read_selector(bytes ? fields.bytes() : std::string_view(), &head.shard_keys));
        break;
      case kUpsertFilter:
        if (bytes) {
          head.update_filter = fields.bytes();
        }
        break;
      case kUpsertMode:
        head.update_mode =
            fields.type() == WireType::kVarint ? static_cast<int>(fields.number()) : 0;
        break;
      default:
        break;
    }
  }
  if (fields.failed()) {
    return malformed("an upsert");
  }
  return head;
}

}  // namespace vecferry::wire
