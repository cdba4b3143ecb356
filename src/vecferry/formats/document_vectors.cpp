#include "vecferry/formats/document_vectors_internal.h"

namespace vecferry::formats {

namespace ondemand = simdjson::ondemand;

bool DocumentVectors::wanted(std::string_view name) const {
  if (!names_) {
    return true;
  }
  for (const auto& wanted_name : *names_) {
    if (name == wanted_name) {
      return true;
    }
  }
  return false;
}

Status DocumentVectors::read(ondemand::value value, std::string_view key, const char* end,
                             ParsedDocument* out) {
  out_ = out;
  end_ = end;
  const std::string_view token = trim_end(value.raw_json_token());
  if (token == "null") {
    return Status::OK();
  }
  if (token.front() == '[') {
    return wanted("") ? widen(read_list(token.data(), ""), key) : Status::OK();
  }
  if (token.front() != '{') {
    return bad(fmt::format("it is neither a list nor an object: {}", token.substr(0, 40)), key);
  }
  ondemand::object object;
  if (const auto error = value.get_object().get(object); error != simdjson::SUCCESS) {
    return widen(bad_json(error), key);
  }
  for (auto item : object) {
    ondemand::field field;
    std::string_view name;
    if (auto error = std::move(item).get(field); error != simdjson::SUCCESS) {
      return widen(bad_json(error), key);
    }
    if (auto error = field.unescaped_key().get(name); error != simdjson::SUCCESS) {
      return widen(bad_json(error), key);
    }
    ARROW_RETURN_NOT_OK(widen(check_vector_name(name), key));
    if (wanted(name)) {
      ARROW_RETURN_NOT_OK(
          widen(read_named(field.value(), name), fmt::format("{} '{}'", key, name)));
    }
  }
  return Status::OK();
}

Status DocumentVectors::read_named(ondemand::value value, std::string_view name) {
  const std::string_view token = trim_end(value.raw_json_token());
  if (token == "null") {
    return Status::OK();
  }
  if (token.front() == '[') {
    return read_list(token.data(), name);
  }
  if (token.front() == '{') {
    return read_sparse(value, name);
  }
  return bad(fmt::format("it is neither a list nor an object: {}", token.substr(0, 40)), "");
}

ParsedVector& DocumentVectors::add_vector(std::string_view name, VectorKind kind) {
  if (out_->vector_count == out_->vectors.size()) {
    out_->vectors.emplace_back();
  }
  auto& vector = out_->vectors[out_->vector_count++];
  vector.name = name;
  vector.kind = kind;
  vector.dim = 0;
  vector.begin = out_->values.size();
  vector.index_begin = out_->indices.size();
  return vector;
}

Status DocumentVectors::read_numbers(const char* begin) {
  return parse_number_lists({begin, static_cast<size_t>(end_ - begin)}, &lists_).status();
}

Status DocumentVectors::read_list(const char* begin, std::string_view name) {
  ARROW_RETURN_NOT_OK(read_numbers(begin));
  if (lists_.values.empty()) {
    return lists_.lists == 0 ? Status::OK() : bad("the inner vectors are empty", "");
  }
  const bool multi = lists_.lists > 0;
  auto& vector = add_vector(name, multi ? VectorKind::kMulti : VectorKind::kDense);
  vector.dim = static_cast<uint32_t>(lists_.values.size() / (multi ? lists_.lists : 1));
  if (out_->values.empty()) {
    out_->values.swap(lists_.values);  // the usual document has one vector: no copy
  } else {
    out_->values.insert(out_->values.end(), lists_.values.begin(), lists_.values.end());
  }
  vector.end = out_->values.size();
  return Status::OK();
}

Status DocumentVectors::read_indices(ondemand::value value) {
  ondemand::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) {
    return bad("'indices' is not a list", "");
  }
  for (auto item : array) {
    uint64_t index = 0;
    if (item.get_uint64().get(index) != simdjson::SUCCESS || index > UINT32_MAX) {
      return bad("'indices' holds something that is not a whole number below 2^32", "");
    }
    out_->indices.push_back(static_cast<uint32_t>(index));
  }
  return Status::OK();
}

Status DocumentVectors::read_sparse(ondemand::value value, std::string_view name) {
  ondemand::object object;
  if (const auto error = value.get_object().get(object); error != simdjson::SUCCESS) {
    return bad_json(error);
  }
  auto& vector = add_vector(name, VectorKind::kSparse);
  bool has_indices = false;
  bool has_values = false;
  for (auto item : object) {
    ondemand::field field;
    std::string_view key;
    if (auto error = std::move(item).get(field); error != simdjson::SUCCESS) {
      return bad_json(error);
    }
    if (auto error = field.unescaped_key().get(key); error != simdjson::SUCCESS) {
      return bad_json(error);
    }
    if (key == "indices" && !std::exchange(has_indices, true)) {
      ARROW_RETURN_NOT_OK(read_indices(field.value()));
    } else if (key == "values" && !std::exchange(has_values, true)) {
      const std::string_view token = field.value().raw_json_token();
      if (token.front() != '[') {
        return bad("'values' is not a list", "");
      }
      ARROW_RETURN_NOT_OK(read_numbers(token.data()));
      if (lists_.lists != 0) {
        return bad("'values' holds lists", "");
      }
      out_->values.insert(out_->values.end(), lists_.values.begin(), lists_.values.end());
    } else {
      return bad(
          fmt::format("unexpected key '{}'; a sparse vector has 'indices' and 'values'", key), "");
    }
  }
  vector.end = out_->values.size();
  if (!has_indices || !has_values) {
    return bad("a sparse vector needs 'indices' and 'values'", "");
  }
  const size_t indices = out_->indices.size() - vector.index_begin;
  if (indices != vector.end - vector.begin) {
    return bad(fmt::format("{} indices but {} values", indices, vector.end - vector.begin), "");
  }
  return Status::OK();
}

}  // namespace vecferry::formats
