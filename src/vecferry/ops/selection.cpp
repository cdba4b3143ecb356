#include "vecferry/ops/selection.h"

#include <fmt/format.h>

#include <chrono>
#include <map>

#include "vecferry/ops/receipt.h"
#include "vecferry/ops/reembed.h"
#include "vecferry/transform/provenance.h"
#include "vecferry/transform/rename_vectors.h"
#include "vecferry/transform/select_payload.h"
#include "vecferry/transform/select_vectors.h"

namespace vecferry {
Result<std::vector<std::unique_ptr<Transform>>> transforms_for(const Selection& selection,
                                                               const CollectionConfig& config,
                                                               const std::string& source_label) {
  std::vector<std::unique_ptr<Transform>> transforms;
  if (selection.vectors) {
    transforms.push_back(select_vectors(*selection.vectors));
  }
  if (!selection.rename_vectors.empty()) {
    std::map<std::string, std::string> names;
    for (const auto& [old_name, new_name] : selection.rename_vectors) {
      if (!names.emplace(old_name, new_name).second) {
        return fail({.kind = ErrorKind::kUsage,
                     .what = fmt::format("vector '{}' is renamed twice", old_name)});
      }
    }
    ARROW_ASSIGN_OR_RAISE(auto rename, rename_vectors(std::move(names)));
    transforms.push_back(std::move(rename));
  }
  if (selection.reembed != nullptr) {
    // Before the payload is cut down, for the text may be among what is left out.
    transforms.push_back(reembed(selection.reembed));
  }
  if (!selection.select_payload.empty()) {
    ARROW_ASSIGN_OR_RAISE(auto keep, keep_payload(selection.select_payload));
    transforms.push_back(std::move(keep));
  }
  if (!selection.drop_payload.empty()) {
    ARROW_ASSIGN_OR_RAISE(auto drop, drop_payload(selection.drop_payload));
    transforms.push_back(std::move(drop));
  }
  if (selection.provenance) {
    transforms.push_back(provenance(source_label, format_utc(std::chrono::system_clock::now())));
  }
  // A choice that does not fit the collection is an error before anything is read.
  CollectionConfig current = config;
  for (const auto& transform : transforms) {
    ARROW_ASSIGN_OR_RAISE(current, transform->config(current));
  }
  return transforms;
}

}  // namespace vecferry
