#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"

namespace qdrant {
class ChangeAliases;
class CollectionInfo;
class CreateCollection;
class CreateFieldIndexCollection;
class UpdateCollection;
}  // namespace qdrant

/// Settings over gRPC, as the JSON bodies of REST: one meaning, read and written in one place
/// (wire/rest_settings.h). Names and words differ between the two; this knows how.
namespace vecferry::wire {

/// The body of PUT /collections/{c}. Errors: kUsage for an enum value that is none of ours.
Result<std::string> create_body_of(const qdrant::CreateCollection& message);
/// The body of PATCH /collections/{c}.
Result<std::string> patch_body_of(const qdrant::UpdateCollection& message);
/// The body of PUT /collections/{c}/index.
/// Errors: kUsage in Qdrant's words, also for parameters of another type than `field_type`.
Result<std::string> index_body_of(const qdrant::CreateFieldIndexCollection& message);
/// The body of POST /collections/aliases.
Result<std::string> alias_body_of(const qdrant::ChangeAliases& message);
/// The `result` of GET /collections/{c}.
Result<std::string> info_of(const qdrant::CollectionInfo& message);

/// Fill a message from a body. Returns the settings that the message has no field for, as dotted
/// names; over REST they would have travelled.
/// Errors: kIncompatible for a value that the field cannot hold.
Result<std::vector<std::string>> read_create_body(std::string_view body,
                                                  qdrant::CreateCollection* message);
Result<std::vector<std::string>> read_patch_body(std::string_view body,
                                                 qdrant::UpdateCollection* message);
Result<std::vector<std::string>> read_index_body(std::string_view body,
                                                 qdrant::CreateFieldIndexCollection* message);
Result<std::vector<std::string>> read_alias_body(std::string_view body,
                                                 qdrant::ChangeAliases* message);
Result<std::vector<std::string>> read_info(std::string_view info, qdrant::CollectionInfo* message);

}  // namespace vecferry::wire
