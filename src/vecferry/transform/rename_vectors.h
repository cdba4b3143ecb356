#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "vecferry/transform/transform.h"

namespace vecferry {

/// Vectors get new names, all at once, so that two may swap theirs. `config` says kNotFound for an
/// old name that is not there, and kUsage when two vectors would have the same name.
/// Errors: kIncompatible for a name that Qdrant does not take.
Result<std::unique_ptr<Transform>> rename_vectors(std::map<std::string, std::string> new_names);

/// The form of the command line, `OLD=NEW`; the unnamed vector is the empty name.
/// Errors: kUsage for a text without `=`, or an OLD that is there already.
Status add_rename(std::string_view old_and_new, std::map<std::string, std::string>* new_names);

}  // namespace vecferry
