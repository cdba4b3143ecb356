#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vecferry/base/error.h"

/// Field numbers of the messages that carry points (proto/points.proto); tests hold them to the
/// generated descriptors.
namespace vecferry::wire {

inline constexpr uint32_t kIdNumber = 1;  // PointId
inline constexpr uint32_t kIdUuid = 2;

inline constexpr uint32_t kKeyword = 1;  // ShardKey
inline constexpr uint32_t kKeyNumber = 2;
inline constexpr uint32_t kSelectorKeys = 1;  // ShardKeySelector

inline constexpr uint32_t kUnnamedVector = 1;  // Vectors, VectorsOutput
inline constexpr uint32_t kNamedVectors = 2;
inline constexpr uint32_t kMapOfVectors = 1;  // NamedVectors, NamedVectorsOutput

inline constexpr uint32_t kOldData = 1;  // Vector, VectorOutput
inline constexpr uint32_t kOldIndices = 2;
inline constexpr uint32_t kOldCount = 3;
inline constexpr uint32_t kDense = 101;
inline constexpr uint32_t kSparse = 102;
inline constexpr uint32_t kMultiDense = 103;
inline constexpr uint32_t kDocument = 104;
inline constexpr uint32_t kImage = 105;
inline constexpr uint32_t kObject = 106;

inline constexpr uint32_t kDenseData = 1;     // DenseVector
inline constexpr uint32_t kMultiVectors = 1;  // MultiDenseVector
inline constexpr uint32_t kSparseValues = 1;  // SparseVector: values come first
inline constexpr uint32_t kSparseIndices = 2;

/// Where a point's parts are; 0: the message has no such field.
struct PointLayout {
  uint32_t id = 1;
  uint32_t payload = 0;
  uint32_t vectors = 0;
  uint32_t shard_key = 0;
  uint32_t order_value = 0;
};
inline constexpr PointLayout kPointStruct{.payload = 3, .vectors = 4};
inline constexpr PointLayout kRetrievedPoint{
    .payload = 2, .vectors = 4, .shard_key = 5, .order_value = 6};
inline constexpr PointLayout kScoredPoint{
    .payload = 2, .vectors = 6, .shard_key = 7, .order_value = 8};
inline constexpr uint32_t kScore = 3;  // ScoredPoint
inline constexpr uint32_t kVersion = 5;

inline constexpr uint32_t kOrderInt = 1;  // OrderValue
inline constexpr uint32_t kOrderFloat = 2;

inline constexpr uint32_t kScrollNext = 1;  // ScrollResponse
inline constexpr uint32_t kScrollPoints = 2;
inline constexpr uint32_t kScrollTime = 3;
inline constexpr uint32_t kGetPoints = 1;  // GetResponse
inline constexpr uint32_t kGetTime = 2;
inline constexpr uint32_t kQueryPoints = 1;  // QueryResponse and the older searches' replies

inline constexpr uint32_t kUpsertCollection = 1;  // UpsertPoints
inline constexpr uint32_t kUpsertWait = 2;
inline constexpr uint32_t kUpsertPoints = 3;
inline constexpr uint32_t kUpsertOrdering = 4;
inline constexpr uint32_t kUpsertShardKeys = 5;
inline constexpr uint32_t kUpsertFilter = 6;
inline constexpr uint32_t kUpsertMode = 8;

inline constexpr uint32_t kGroups = 1;   // GroupsResult
inline constexpr uint32_t kGroupId = 1;  // PointGroup
inline constexpr uint32_t kGroupHits = 2;
inline constexpr uint32_t kGroupUnsigned = 1;  // GroupId
inline constexpr uint32_t kGroupInteger = 2;
inline constexpr uint32_t kGroupString = 3;

/// A ShardKey message as the column's text.
Result<std::string> read_shard_key(std::string_view message);

}  // namespace vecferry::wire
