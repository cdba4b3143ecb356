#pragma once

#include <points.pb.h>

#include "vecferry/server/answers.h"
#include "vecferry/wire/grpc_points.h"

namespace vecferry::server {

/// `with_payload` and `with_vectors` of a request, whichever it is.
template <typename Message>
Selection selection_of(const Message& message, bool payload_otherwise) {
  Selection selection{.payload = payload_otherwise};
  if (message.has_with_payload()) {
    const auto& with = message.with_payload();
    selection.payload = with.has_exclude() || with.enable() || with.include().fields_size() > 0;
    selection.include = {with.include().fields().begin(), with.include().fields().end()};
    selection.exclude = {with.exclude().fields().begin(), with.exclude().fields().end()};
  }
  if (message.has_with_vectors()) {
    const auto& with = message.with_vectors();
    selection.vectors = with.has_include() || with.enable();
    if (with.has_include()) {
      selection.vector_names.emplace(with.include().names().begin(), with.include().names().end());
    }
  }
  return selection;
}

inline wire::Shown shown_of(const Selection& selection) {
  return {.payload = selection.payload, .vectors = selection.vectors};
}

}  // namespace vecferry::server
