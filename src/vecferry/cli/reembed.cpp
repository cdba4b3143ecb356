#include "vecferry/cli/reembed.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "vecferry/base/durable_file.h"
#include "vecferry/base/near_miss.h"
#include "vecferry/cli/environment.h"

namespace vecferry {
namespace {

constexpr std::array<std::string_view, 7> kWords = {"url",   "command",     "model",       "dim",
                                                    "batch", "api_key_env", "api_key_file"};
constexpr const char* kGroup = "Embedding";  // a heading of the help
constexpr const char* kKeyVariable = "VECFERRY_EMBED_API_KEY";

Status wrong(std::string what, std::string where, std::string next = {}) {
  return fail({.kind = ErrorKind::kUsage,
               .what = std::move(what),
               .where = std::move(where),
               .next = std::move(next)});
}

// `[embed]` of the configuration file.
struct EmbedTable {
  std::string url{};
  std::string command{};
  std::optional<std::string> model{};
  std::optional<uint32_t> dim{};
  std::optional<uint64_t> batch{};
  std::string api_key_env{};
  std::string api_key_file{};
};

Result<EmbedTable> read_table(const std::string& config_file) {
  EmbedTable read;
  if (config_file.empty()) {
    return read;
  }
  ARROW_ASSIGN_OR_RAISE(const auto text, read_file(config_file));
  try {
    const toml::table file = toml::parse(text, config_file);
    const auto* table = file["embed"].as_table();
    if (table == nullptr) {
      return read;
    }
    for (const auto& entry : *table) {
      const std::string_view word = entry.first.str();
      if (word == "api_key") {
        return wrong("[embed] holds a secret", config_file,
                     "write api_key_env = \"NAME_OF_A_VARIABLE\" in place of api_key");
      }
      if (std::find(kWords.begin(), kWords.end(), word) == kWords.end()) {
        return wrong(fmt::format("[embed] has no '{}'{}", word, did_you_mean(word, kWords)),
                     config_file);
      }
    }
    read.url = (*table)["url"].value_or(std::string());
    read.command = (*table)["command"].value_or(std::string());
    read.model = (*table)["model"].value<std::string>();
    read.dim = (*table)["dim"].value<uint32_t>();
    read.batch = (*table)["batch"].value<uint64_t>();
    read.api_key_env = (*table)["api_key_env"].value_or(std::string());
    read.api_key_file = (*table)["api_key_file"].value_or(std::string());
  } catch (const toml::parse_error& error) {
    return wrong(std::string(error.description()),
                 fmt::format("{} line {}", config_file, error.source().begin.line));
  }
  return read;
}

Result<std::string> key_for(const std::string& url, const EmbedTable& table) {
  auto key = environment_variable(kKeyVariable);
  if (!key.empty() || url.empty() || url != table.url) {
    return key;
  }
  if (!table.api_key_env.empty()) {
    key = environment_variable(table.api_key_env);
    if (key.empty()) {
      return wrong(fmt::format("the API key is to be in {}, which is not set", table.api_key_env),
                   "environment", fmt::format("export {}=…", table.api_key_env));
    }
  } else if (!table.api_key_file.empty()) {
    ARROW_ASSIGN_OR_RAISE(key, read_file(table.api_key_file));
    key.erase(key.find_last_not_of(" \t\r\n") + 1);
  }
  return key;
}

std::filesystem::path usual_cache() {
  const std::string cache = environment_variable("XDG_CACHE_HOME");
  const std::filesystem::path folder =
      cache.empty() ? std::filesystem::path(environment_variable("HOME")) / ".cache"
                    : std::filesystem::path(cache);
  return folder / "vecferry" / "embeddings";
}

bool says_anything(const ReembedWords& words) {
  return words.text_key || !words.url.empty() || !words.command.empty() || words.model ||
         words.dim || words.vector || words.batch || words.missing != "error" ||
         !words.cache.empty() || words.price || words.base64 || words.timeout_s;
}

}  // namespace

void add_reembed_options(CLI::App& verb, ReembedWords& words) {
  verb.add_flag("--reembed", words.reembed,
                "Make a vector anew from a text in the payload (docs/reembed.md)")
      ->group(kGroup);
  verb.add_option("--text-key", words.text_key, "Payload key of the text (default: content)")
      ->type_name("KEY")
      ->group(kGroup);
  verb.add_option("--embed-url", words.url,
                  "Server that embeds: OpenAI-compatible, /v1/embeddings is added")
      ->type_name("URL")
      ->group(kGroup);
  verb.add_option("--embed-cmd", words.command,
                  "Program that embeds: {\"text\":…} lines in, {\"vector\":[…]} lines out")
      ->type_name("'PROGRAM ARGS'")
      ->group(kGroup);
  verb.add_option("--embed-model", words.model, "Name of the model (default: all-MiniLM-L6-v2)")
      ->type_name("NAME")
      ->group(kGroup);
  verb.add_option("--embed-dim", words.dim, "Numbers of one of its vectors (default: 384)")
      ->type_name("N")
      ->group(kGroup);
  verb.add_option("--embed-vector", words.vector,
                  "Vector that is made (default: the unnamed or the only one)")
      ->type_name("NAME")
      ->group(kGroup);
  verb.add_option("--embed-batch", words.batch, "Texts of one request (default: 64)")
      ->type_name("N")
      ->check(CLI::Range(1, 8192))
      ->group(kGroup);
  verb.add_option("--embed-missing", words.missing,
                  "A point without a text: error, or skip, which leaves it without this vector")
      ->type_name("WORD")
      ->check(CLI::IsMember({"error", "skip"}))
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--embed-cache", words.cache,
                  "Folder that keeps what is embedded (default: ~/.cache/vecferry/embeddings)")
      ->type_name("DIR")
      ->group(kGroup);
  verb.add_option("--embed-price", words.price, "Price of a million tokens, for the plan")
      ->type_name("X")
      ->check(CLI::NonNegativeNumber)
      ->group(kGroup);
  verb.add_option("--embed-timeout", words.timeout_s,
                  "Longest wait for one request, or for a program's next line (default: 300)")
      ->type_name("SECONDS")
      ->check(CLI::PositiveNumber)
      ->group(kGroup);
  verb.add_flag("--embed-base64", words.base64, "Ask the server for base64, which is shorter")
      ->group(kGroup);
}

Result<std::shared_ptr<Reembedding>> open_reembedding(const ReembedWords& words,
                                                      const Context& context,
                                                      const std::string& config_file,
                                                      Distance distance, bool look_only) {
  if (!words.reembed) {
    if (says_anything(words)) {
      return wrong("how to embed is said, but not to embed", "--embed-…, --text-key",
                   "add --reembed");
    }
    return std::shared_ptr<Reembedding>();
  }
  ARROW_ASSIGN_OR_RAISE(const auto table, read_table(config_file));
  ReembedRequest request{
      .vector = words.vector,
      .distance = distance,
      .skip_missing = words.missing == "skip",
      .cache_folder = words.cache.empty() ? usual_cache() : std::filesystem::path(words.cache),
      .look_only = look_only};
  request.text_key = words.text_key.value_or(request.text_key);
  request.texts_per_request =
      words.batch ? *words.batch : table.batch.value_or(request.texts_per_request);
  EmbedderOptions& embedder = request.embedder;
  embedder.url = words.url;
  embedder.command = words.command;
  if (embedder.url.empty() && embedder.command.empty()) {
    embedder.url = table.url;
    embedder.command = table.command;
  }
  embedder.model = words.model ? *words.model : table.model.value_or(embedder.model);
  embedder.dim = words.dim ? *words.dim : table.dim.value_or(embedder.dim);
  embedder.ask_base64 = words.base64;
  embedder.ca_file = context.network.ca_file;
  if (words.timeout_s) {
    embedder.timeout = std::chrono::milliseconds(static_cast<int64_t>(*words.timeout_s * 1000));
  }
  ARROW_ASSIGN_OR_RAISE(embedder.api_key, key_for(embedder.url, table));
  return Reembedding::open(std::move(request), context.stop);
}

}  // namespace vecferry
