#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "vecferry/cli/context.h"
#include "vecferry/ops/reembed.h"

namespace CLI {
class App;
}

namespace vecferry {

/// `--reembed --text-key --embed-…` as typed.
struct ReembedWords {
  bool reembed = false;
  std::optional<std::string> text_key{};
  std::string url{};
  std::string command{};
  std::optional<std::string> model{};
  std::optional<uint32_t> dim{};
  std::optional<std::string> vector{};
  std::optional<uint64_t> batch{};
  std::string missing = "error";
  std::string cache{};
  std::optional<double> price{};
  bool base64 = false;
  std::optional<double> timeout_s{};
};

void add_reembed_options(CLI::App& verb, ReembedWords& words);

/// Ready to embed, or null without `--reembed`. What is not typed comes from `[embed]` of the
/// configuration file (empty: there is none); the key from VECFERRY_EMBED_API_KEY, else from the
/// variable or file that `[embed]` names, which is for the url in `[embed]` alone.
/// `distance` is that of a vector that is new.
/// Errors: kUsage for `--embed-…` without `--reembed`, and for words of `[embed]` that are not
/// ours.
Result<std::shared_ptr<Reembedding>> open_reembedding(const ReembedWords& words,
                                                      const Context& context,
                                                      const std::string& config_file,
                                                      Distance distance, bool look_only);

}  // namespace vecferry
