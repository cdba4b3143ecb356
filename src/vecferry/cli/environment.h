#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vecferry/backends/qdrant/qdrant_options.h"
#include "vecferry/base/error.h"

/// What vecferry.toml says about one place: `[env.NAME]`, or its environment variables do.
namespace vecferry {

/// As it stands in the file: keys are only named there, and read when the place is opened.
struct Environment {
  std::string name{};
  std::string url{};
  std::string grpc_url{};
  std::optional<int> grpc_port{};
  std::string api_key_env{};
  std::string api_key_file{};
  std::string bearer_token_env{};
  std::string ca_file{};
  std::string proxy{};
  std::string transport{};
  std::string write_ordering{};
  std::vector<std::pair<std::string, std::string>> headers{};
  std::vector<std::string> nodes{};
  double max_points_per_second = 0;
  bool protect = false;  ///< what destroys there asks for its name
};

/// What the command line says about servers; it wins over the file.
struct NetworkOptions {
  std::string transport{};
  std::string ca_file{};
  double max_points_per_second = 0;
  int lanes = 0;
  bool no_wait_index = false;
  std::string key_file{};              ///< of encrypted archives
  std::vector<std::string> protect{};  ///< environments that are protected, as `protect = true`
};

/// What a configuration file says.
struct Configuration {
  std::string default_place{};
  std::string journal{};   ///< folder
  std::string archive{};   ///< where backups go
  std::string key_file{};  ///< of encrypted archives
  std::vector<Environment> environments{};
};

/// Errors: kUsage with the place in the file, also for a word of an environment that is none of
/// ours.
Result<Configuration> parse_configuration(const std::string& toml, const std::string& path);

/// How to reach a server. Without an environment QDRANT_API_KEY is its key; when QDRANT_URL is set,
/// only that server's, for a key is not shown to strangers.
/// Errors: kUsage for a key that is named and not there.
Result<QdrantOptions> qdrant_options(const std::string& url, const Environment* environment,
                                     const NetworkOptions& network);

/// The value of an environment variable; empty when it is not set.
std::string environment_variable(const std::string& name);

}  // namespace vecferry
