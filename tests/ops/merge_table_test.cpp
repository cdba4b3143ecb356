#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include "vecferry/ops/merge_table_internal.h"

namespace vecferry {
namespace {

int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  int64_t total = 0;
  int64_t resident = 0;
  file >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

// Numbers and UUIDs in no order.
MergeEntry entry_of(uint64_t i) {
  const uint64_t mixed = (i + 1) * 0x9E3779B97F4A7C15ULL;
  PointId id = PointId::of(mixed);
  if (i % 2 == 1) {
    Uuid uuid{};
    std::copy_n(reinterpret_cast<const uint8_t*>(&mixed), sizeof mixed, uuid.data());
    uuid[15] = static_cast<uint8_t>(i);
    id = PointId::of(uuid);
  }
  MergeEntry entry = merge_entry(static_cast<uint16_t>(i % 3), id);
  EXPECT_EQ(entry.id(), id);
  entry.set_key({mixed * 7, i});
  return entry;
}

TEST(MergeTable, FortyBytesAPointAndNoSecondCopy) {
  constexpr uint64_t kPoints = 2'000'000;
  std::vector<MergeEntry> page(1000);
  const int64_t before = resident_bytes();
  MergeTable table;
  for (uint64_t i = 0; i < kPoints; i += page.size()) {
    for (uint64_t j = 0; j < page.size(); ++j) {
      page[j] = entry_of(i + j);
    }
    ASSERT_TRUE(table.append(page).ok());
  }
  table.sort_by_key();
  table.sort_by_id();
  const int64_t grown = resident_bytes() - before;
  EXPECT_LE(grown, static_cast<int64_t>(kPoints) * 40 + (int64_t{4} << 20));
  RecordProperty("bytes_a_point", std::to_string(static_cast<double>(grown) / kPoints));
}

TEST(MergeTable, IsSortedAsIdsScrollAndFinds) {
  MergeTable table;
  for (uint64_t i = 0; i < 500; ++i) {
    const MergeEntry entry = entry_of(i);
    ASSERT_TRUE(table.append({&entry, 1}).ok());
  }
  table.sort_by_key();
  for (size_t i = 1; i < table.entries().size(); ++i) {
    EXPECT_LE(table.entries()[i - 1].key_high, table.entries()[i].key_high);
  }
  table.sort_by_id();
  for (size_t i = 1; i < table.entries().size(); ++i) {
    EXPECT_LT(table.entries()[i - 1].id(), table.entries()[i].id());
  }
  for (uint64_t i = 0; i < 500; ++i) {
    const MergeEntry entry = entry_of(i);
    ASSERT_NE(table.find(entry.source, entry.id()), nullptr);
    EXPECT_EQ(table.find(static_cast<uint16_t>(entry.source + 1), entry.id()), nullptr);
    EXPECT_EQ(table.find_all(entry.id()).size(), 1U);
  }
  EXPECT_EQ(table.find(0, PointId::of(uint64_t{0})), nullptr);
  EXPECT_TRUE(table.find_all(PointId::of(uint64_t{0})).empty());
}

}  // namespace
}  // namespace vecferry
