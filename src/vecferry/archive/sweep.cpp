#include "vecferry/archive/sweep.h"

#include "vecferry/archive/names.h"

namespace vecferry {

Result<std::vector<Manifest>> all_manifests(const Repository& repository, StopToken stop) {
  std::vector<Manifest> manifests;
  ARROW_ASSIGN_OR_RAISE(const auto names, repository.collections(stop));
  for (const auto& name : names) {
    ARROW_ASSIGN_OR_RAISE(const auto ids, repository.backups(name, stop));
    for (const auto& id : ids) {
      ARROW_RETURN_NOT_OK(poll(stop));
      ARROW_ASSIGN_OR_RAISE(auto manifest, repository.manifest(name, id));
      manifests.push_back(std::move(manifest));
    }
  }
  return manifests;
}

std::set<std::string> files_needed(const std::vector<Manifest>& manifests) {
  std::set<std::string> paths;
  for (const auto& manifest : manifests) {
    for (const auto& segment : manifest.segments) {
      paths.insert(segment.path());
    }
    const auto native = native_path(manifest.collection, manifest.id);
    if (manifest.native && native.ok()) {
      paths.insert(*native);
    }
  }
  return paths;
}

Result<std::string> native_path(const std::string& collection, const std::string& id) {
  ARROW_ASSIGN_OR_RAISE(const auto name, encode_name(collection));
  return "native/" + name + "/" + id + ".snapshot";
}

Result<std::vector<StoredFile>> find_unreferenced(const Repository& repository, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto manifests, all_manifests(repository, stop));
  const auto needed = files_needed(manifests);
  std::vector<StoredFile> orphans;
  for (const char* folder : {"segments/", "native/"}) {
    ARROW_ASSIGN_OR_RAISE(const auto files, repository.store().list(folder));
    for (const auto& file : files) {
      if (needed.count(file.path) == 0) {
        orphans.push_back(file);
      }
    }
  }
  return orphans;
}

}  // namespace vecferry
