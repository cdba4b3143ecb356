#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "arrow/type_fwd.h"
#include "vecferry/model/point_id.h"
#include "vecferry/pipeline/source.h"

/// Choices of rows that a filter cannot say.
namespace vecferry {

class PointsBuilder;
class PointsView;

/// The part of `parts` on which a point falls: the same on every machine and in every version.
/// XXH3-64 (seed 0) of the id (8 bytes little-endian, or the UUID's 16) and the shard key's text,
/// modulo `parts`.
uint32_t part_of(const PointId& id, std::optional<std::string_view> shard_key, uint32_t parts);

/// The points that fall on part `index`; parts are about even, whatever the ids look like.
std::shared_ptr<const RowChoice> choose_part(uint32_t parts, uint32_t index);

/// Ids ascending, each once; shared by all lanes. 32 bytes an id.
using IdList = std::shared_ptr<const std::vector<PointId>>;

enum class Listed { kKept, kLeftOut };

/// The points whose id is in the list, or those whose id is not.
std::shared_ptr<const RowChoice> choose_ids(IdList ids, Listed listed);

/// These rows of a batch in the points schema, in this order; ascending runs are not copied when
/// they are all of it or all in one piece.
Result<std::shared_ptr<arrow::RecordBatch>> take_rows(
    const std::shared_ptr<arrow::RecordBatch>& batch, const std::vector<int64_t>& rows);

/// One row more for a builder of the same schema.
Status append_row(const PointsView& points, int64_t row, PointsBuilder& builder);

}  // namespace vecferry
