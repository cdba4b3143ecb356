#pragma once

namespace vecferry {

/// The two text forms of docs/file-formats.md.
enum class JsonForm { kPlain, kLines };

}  // namespace vecferry
