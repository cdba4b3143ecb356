#include <fmt/format.h>
#include <simdjson.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "vecferry/formats/document_parser_internal.h"
#include "vecferry/formats/document_vectors_internal.h"
#include "vecferry/formats/payload_members_internal.h"
#include "vecferry/formats/text_window_internal.h"
#include "vecferry/model/canonical_payload.h"

namespace vecferry::formats {
namespace {

namespace ondemand = simdjson::ondemand;
static_assert(TextWindow::kPadding >= simdjson::SIMDJSON_PADDING);

enum Field : unsigned {
  kId = 1U << 0U,
  kContent = 1U << 1U,
  kMetadata = 1U << 2U,
  kVector = 1U << 3U,
  kShardKey = 1U << 4U,
  kPayload = 1U << 5U,
};

bool is_integer(std::string_view token) {
  return !token.empty() && token.find_first_not_of("0123456789") == std::string_view::npos;
}

Result<PointId> id_of_number(std::string_view token) {
  if (is_integer(token)) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), number);
    if (error == std::errc() && (token.size() == 1 || token.front() != '0')) {
      return PointId::of(number);
    }
    return bad(error == std::errc::result_out_of_range
                   ? fmt::format("the id {} is above 2^64-1", token)
                   : fmt::format("the id {} is not a JSON number", token),
               "id");
  }
  const std::string shown(token.substr(0, 40));
  return bad(token.starts_with('-') ? fmt::format("the id {} is negative", shown)
                                    : fmt::format("the id {} is not a whole number", shown),
             "id");
}

}  // namespace

PointId id_of_text(std::string_view text, bool* renamed) {
  const auto id = parse_point_id(text);
  // "007" is not what 7 prints as: two strings must not become one point unseen.
  *renamed = !id || (!id->is_uuid && to_string(*id) != text);
  return *renamed ? PointId::of(uuid_of_name(text)) : *id;
}

class DocumentParser::Impl {
 public:
  explicit Impl(DocumentOptions options)
      : options_(std::move(options)), vectors_(options_.vector_names) {
    original_id_key_ = nlohmann::json(options_.original_id_key)
                           .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  Status parse(std::string_view text, ParsedDocument* out) {
    seen_ = 0;
    metadata_.clear();
    more_.clear();
    original_.clear();
    loose_ = "{";
    has_content_ = false;
    out_ = out;
    out_->has_shard_key = false;
    out_->vector_count = 0;
    out_->values.clear();
    out_->indices.clear();
    out_->payload.clear();

    ondemand::document document;
    auto error = parser_
                     .iterate(simdjson::padded_string_view(text.data(), text.size(),
                                                           text.size() + TextWindow::kPadding))
                     .get(document);
    text_end_ = text.data() + text.size();
    if (error != simdjson::SUCCESS) {
      return bad_json(error);
    }
    ondemand::object object;
    error = document.get_object().get(object);
    if (error != simdjson::SUCCESS) {
      return bad("it is not a JSON object", "");
    }
    for (auto item : object) {
      ondemand::field field;
      if ((error = std::move(item).get(field)) != simdjson::SUCCESS) {
        return bad_json(error);
      }
      std::string_view key;
      const char* raw_key = field.key().raw();
      if ((error = field.unescaped_key().get(key)) != simdjson::SUCCESS) {
        return bad_json(error);
      }
      ARROW_RETURN_NOT_OK(read_field(key, raw_key, field.value()));
    }
    const char* rest = nullptr;
    if (document.current_location().get(rest) != simdjson::OUT_OF_BOUNDS) {
      return bad("there is more behind the object", "");
    }
    if ((seen_ & kId) == 0) {
      return bad("the document has no id", "id");
    }
    return options_.payload ? finish_payload() : Status::OK();
  }

 private:
  Status once(Field field, std::string_view key) {
    if ((seen_ & field) != 0) {
      return bad(fmt::format("the key '{}' is there twice", key), key);
    }
    seen_ |= field;
    return Status::OK();
  }

  Status read_field(std::string_view key, const char* raw_key, ondemand::value value) {
    if (key == "id") {
      ARROW_RETURN_NOT_OK(once(kId, key));
      return read_id(value);
    }
    if (key == "vector" || key == "embedding") {
      ARROW_RETURN_NOT_OK(once(kVector, key));
      return options_.vectors ? vectors_.read(value, key, text_end_, out_) : Status::OK();
    }
    if (key == "shard_key") {
      ARROW_RETURN_NOT_OK(once(kShardKey, key));
      return read_shard_key(value);
    }
    if (!options_.payload) {
      return Status::OK();
    }
    if (key == "metadata") {
      ARROW_RETURN_NOT_OK(once(kMetadata, key));
      return read_object(value, key, &metadata_);
    }
    if (key == "payload" && value.raw_json_token().front() == '{') {
      ARROW_RETURN_NOT_OK(once(kPayload, key));
      return read_object(value, key, &more_);
    }
    if (key == "payload" && trim_end(value.raw_json_token()) == "null") {
      return Status::OK();
    }
    if (key == "content") {
      ARROW_RETURN_NOT_OK(once(kContent, key));
      if (trim_end(value.raw_json_token()) == "null") {
        return Status::OK();
      }
      has_content_ = true;
    }
    return read_loose(raw_key, value);
  }

  Status read_id(ondemand::value value) {
    const std::string_view token = trim_end(value.raw_json_token());
    if (token.front() != '"') {
      if (token == "null" || token.front() == '{' || token.front() == '[' || token == "true" ||
          token == "false") {
        return bad(fmt::format("the id is neither a number nor a string: {}", token), "id");
      }
      ARROW_ASSIGN_OR_RAISE(out_->id, id_of_number(token));
      return Status::OK();
    }
    std::string_view text;
    if (const auto error = value.get_string().get(text); error != simdjson::SUCCESS) {
      return widen(bad_json(error), "id");
    }
    if (text.empty()) {
      return bad("the id is an empty string", "id");
    }
    bool renamed = false;
    out_->id = id_of_text(text, &renamed);
    return renamed && options_.payload
               ? canonicaliser_.append(fmt::format("{{{}:{}}}", original_id_key_, token),
                                       &original_)
               : Status::OK();
  }

  Status read_shard_key(ondemand::value value) {
    const std::string_view token = trim_end(value.raw_json_token());
    if (token == "null") {
      return Status::OK();
    }
    out_->has_shard_key = true;
    if (is_integer(token)) {
      out_->shard_key = token;
      return Status::OK();
    }
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS) {
      return bad("it is neither a string nor a whole number", "shard_key");
    }
    out_->shard_key = text;
    return Status::OK();
  }

  // The text of a value, whatever it is.
  Result<std::string_view> raw_value(ondemand::value value) {
    std::string_view raw = value.raw_json_token();
    auto error = simdjson::SUCCESS;
    if (raw.front() == '{') {
      ondemand::object object;
      error = value.get_object().get(object);
      error = error != simdjson::SUCCESS ? error : object.raw_json().get(raw);
    } else if (raw.front() == '[') {
      ondemand::array array;
      error = value.get_array().get(array);
      error = error != simdjson::SUCCESS ? error : array.raw_json().get(raw);
    }
    if (error != simdjson::SUCCESS) {
      return bad_json(error);
    }
    return trim_end(raw);
  }

  Status read_object(ondemand::value value, std::string_view key, std::string* out) {
    const std::string_view token = trim_end(value.raw_json_token());
    if (token == "null") {
      return Status::OK();
    }
    if (token.front() != '{') {
      return bad(fmt::format("it is not an object: {}", token.substr(0, 40)), key);
    }
    ARROW_ASSIGN_OR_RAISE(const auto raw, raw_value(value));
    return widen(canonicaliser_.append(raw, out), key);
  }

  Status read_loose(const char* raw_key, ondemand::value value) {
    ARROW_ASSIGN_OR_RAISE(const auto raw, raw_value(value));
    // The key with its quotes, up to the first one that is not escaped.
    const char* end = raw_key;
    while (*end != '"') {
      end += *end == '\\' ? 2 : 1;
    }
    add_loose({raw_key - 1, static_cast<size_t>(end + 1 - (raw_key - 1))}, raw);
    return Status::OK();
  }

  void add_loose(std::string_view quoted_key, std::string_view value) {
    if (loose_.size() > 1) {
      loose_.push_back(',');
    }
    loose_.append(quoted_key).append(":").append(value);
  }

  Status finish_payload() {
    loose_canonical_.clear();
    if (loose_.size() > 1) {
      loose_.push_back('}');
      ARROW_RETURN_NOT_OK(canonicaliser_.append(loose_, &loose_canonical_));
    }
    if (has_content_) {
      ARROW_RETURN_NOT_OK(keep_both_contents());
    }
    ARROW_RETURN_NOT_OK(merge_objects(metadata_, loose_canonical_, &out_->payload));
    for (const auto* piece : {&more_, &original_}) {
      if (!piece->empty()) {
        merged_.clear();
        ARROW_RETURN_NOT_OK(merge_objects(out_->payload, *piece, &merged_));
        out_->payload.swap(merged_);
      }
    }
    return Status::OK();
  }

  // A document may have a `content` and its metadata another one: that one gets another name.
  Status keep_both_contents() {
    Member member;
    std::string_view ours;
    for (MemberScanner scanner(loose_canonical_); scanner.next(&member);) {
      if (member.key == "\"content\"") {
        ours = member.value;
      }
    }
    if (metadata_.find("\"content\":") == std::string::npos) {
      return Status::OK();
    }
    std::string others = "{";
    std::string moved;
    for (MemberScanner scanner(metadata_); scanner.next(&member);) {
      if (member.key == "\"content\"" && member.value != ours) {
        moved = fmt::format("{{\"metadata_content\":{}}}", member.value);
        continue;
      }
      others.append(others.size() > 1 ? "," : "").append(member.key).append(":");
      others.append(member.value);
    }
    if (moved.empty()) {
      return Status::OK();
    }
    others.push_back('}');
    metadata_.clear();
    return merge_objects(others == "{}" ? "" : others, moved, &metadata_);
  }

  DocumentOptions options_;
  std::string original_id_key_;  // quoted
  ondemand::parser parser_;
  PayloadCanonicaliser canonicaliser_;
  ParsedDocument* out_ = nullptr;
  const char* text_end_ = nullptr;
  unsigned seen_ = 0;
  bool has_content_ = false;
  std::string metadata_;         // canonical
  std::string more_;             // canonical: `payload`
  std::string original_;         // canonical: the id that was no id
  std::string loose_;            // members that are no object of members, as they stand
  std::string loose_canonical_;  // the same, canonical
  std::string merged_;
  DocumentVectors vectors_;
};

DocumentParser::DocumentParser(DocumentOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
DocumentParser::~DocumentParser() = default;
DocumentParser::DocumentParser(DocumentParser&&) noexcept = default;

Status DocumentParser::parse(std::string_view text, ParsedDocument* out) {
  return impl_->parse(text, out);
}

}  // namespace vecferry::formats
