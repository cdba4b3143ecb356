#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "vecferry/wire/rest_vectors_internal.h"

namespace vecferry::wire {
namespace {

Status validation_error(size_t point, std::string_view what) {
  return fail(
      {.kind = ErrorKind::kUsage,
       .what = fmt::format("Validation error in JSON body: [points[{}].vector.{}]", point, what)});
}

}  // namespace

Status RestVectors::read(std::string_view text, size_t index) {
  if (text.front() == '[') {
    return dense("", text, index);
  }
  if (text.front() != '{') {
    return direction_ == Direction::kRequest
               ? format_error("data did not match any variant of untagged enum VectorStruct")
               : json_.broken("a vector that is no list and no object");
  }
  scratch_.assign(text);
  return json_.members(parser_, &scratch_, [&](std::string_view name, std::string_view value) {
    return read_one(name, value, index);
  });
}

Status RestVectors::dense(std::string_view name, std::string_view text, size_t index) {
  parse_numbers(text, &numbers_);
  const bool request = direction_ == Direction::kRequest;
  switch (numbers_.problem) {
    case NumbersProblem::kNone:
      break;
    case NumbersProblem::kNull:
      if (!request) {
        return fail({.kind = ErrorKind::kIncompatible,
                     .what = "a NaN or infinity, which REST prints as null",
                     .where = fmt::format("vector '{}'", name),
                     .next = "read this collection over gRPC"});
      }
      [[fallthrough]];
    case NumbersProblem::kNotNumbers:
      return request ? format_error("data did not match any variant of untagged enum VectorStruct")
                     : json_.broken(fmt::format("vector '{}' is no list of numbers", name));
    case NumbersProblem::kUneven:
      return request ? validation_error(index,
                                        "?.values: Validation error: must be the same length as "
                                        "indices [{}]")
                     : json_.broken(
                           fmt::format("vector '{}' has inner vectors of several lengths", name));
  }
  if (request && numbers_.values.empty()) {
    return validation_error(index, "?.vector: dense vector must not be empty");
  }
  const std::string_view bytes(reinterpret_cast<const char*>(numbers_.values.data()),
                               numbers_.values.size() * sizeof(float));
  return sink_.dense(name, bytes,
                     numbers_.nested ? std::optional<size_t>(numbers_.lists) : std::nullopt);
}

Status RestVectors::sparse(std::string_view name, std::string_view text, size_t index) {
  std::string_view indices_text;
  std::string_view values_text;
  sparse_.assign(text);
  ARROW_RETURN_NOT_OK(json_.members(sparse_parser_, &sparse_,
                                    [&](std::string_view key, std::string_view value) -> Status {
                                      if (key == "indices") {
                                        indices_text = value;
                                      } else if (key == "values") {
                                        values_text = value;
                                      }
                                      return Status::OK();
                                    }));
  const bool request = direction_ == Direction::kRequest;
  parse_numbers(values_text, &numbers_);
  if (!parse_indices(indices_text, &indices_) || numbers_.nested ||
      numbers_.problem != NumbersProblem::kNone) {
    return request ? format_error("data did not match any variant of untagged enum VectorStruct")
                   : json_.broken(fmt::format("vector '{}' is no sparse vector", name));
  }
  if (request && indices_.size() != numbers_.values.size()) {
    return validation_error(index,
                            "?.values: Validation error: must be the same length as indices [{}]");
  }
  if (request) {
    auto sorted = indices_;
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
      return validation_error(index, "?.indices: Validation error: must be unique [{}]");
    }
  }
  return sink_.sparse(name, indices_, numbers_.values);
}

Status RestVectors::read_one(std::string_view name, std::string_view text, size_t index) {
  return text.front() == '{' ? sparse(name, text, index) : dense(name, text, index);
}

}  // namespace vecferry::wire
