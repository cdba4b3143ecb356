#include "vecferry/cli/environment.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "vecferry/base/durable_file.h"
#include "vecferry/base/near_miss.h"

namespace vecferry {
namespace {

constexpr std::array<std::string_view, 14> kWords = {"url",
                                                     "grpc_url",
                                                     "grpc_port",
                                                     "api_key_env",
                                                     "api_key_file",
                                                     "ca_file",
                                                     "transport",
                                                     "headers",
                                                     "nodes",
                                                     "protect",
                                                     "bearer_token_env",
                                                     "proxy",
                                                     "max_points_per_second",
                                                     "write_ordering"};

Status wrong(std::string what, const std::string& where, std::string next = {}) {
  return fail({.kind = ErrorKind::kUsage,
               .what = std::move(what),
               .where = where,
               .next = std::move(next)});
}

Result<Environment> environment_of(std::string_view name, const toml::table& table,
                                   const std::string& path) {
  const std::string label = fmt::format("[env.{}]", name);
  for (const auto& entry : table) {
    const std::string_view word = entry.first.str();
    if (word == "api_key" || word == "bearer_token") {
      return wrong(fmt::format("{} holds a secret", label), path,
                   fmt::format("write {0}_env = \"NAME_OF_A_VARIABLE\" in place of {0}", word));
    }
    if (std::find(kWords.begin(), kWords.end(), word) == kWords.end()) {
      return wrong(fmt::format("{} has no '{}'{}", label, word, did_you_mean(word, kWords)), path);
    }
  }
  Environment environment{.name = std::string(name)};
  for (const auto& [word, into] :
       {std::pair("url", &environment.url), std::pair("grpc_url", &environment.grpc_url),
        std::pair("api_key_env", &environment.api_key_env),
        std::pair("api_key_file", &environment.api_key_file),
        std::pair("bearer_token_env", &environment.bearer_token_env),
        std::pair("ca_file", &environment.ca_file), std::pair("proxy", &environment.proxy),
        std::pair("transport", &environment.transport),
        std::pair("write_ordering", &environment.write_ordering)}) {
    *into = table[word].value_or(std::string());
  }
  if (environment.url.empty()) {
    return wrong(fmt::format("{} has no url", label), path,
                 "add a line like url = \"http://host:6333\" or url = \"local:store\"");
  }
  if (const auto port = table["grpc_port"].value<int64_t>()) {
    environment.grpc_port = static_cast<int>(*port);
  }
  environment.protect = table["protect"].value_or(false);
  environment.max_points_per_second = table["max_points_per_second"].value_or(0.0);
  if (const auto* headers = table["headers"].as_table()) {
    for (const auto& [header, value] : *headers) {
      environment.headers.emplace_back(std::string(header.str()), value.value_or(std::string()));
    }
  }
  if (const auto* nodes = table["nodes"].as_array()) {
    for (const auto& node : *nodes) {
      environment.nodes.push_back(node.value_or(std::string()));
    }
  }
  return environment;
}

Result<std::string> secret_in(const std::string& variable, std::string_view what) {
  auto value = environment_variable(variable);
  if (value.empty()) {
    return wrong(fmt::format("{} is to be in {}, which is not set", what, variable), "environment",
                 fmt::format("export {}=…", variable));
  }
  return value;
}

Status add_secrets(const Environment& environment, QdrantOptions* options) {
  if (!environment.api_key_env.empty()) {
    ARROW_ASSIGN_OR_RAISE(options->api_key, secret_in(environment.api_key_env, "the API key"));
  }
  if (!environment.api_key_file.empty()) {
    ARROW_ASSIGN_OR_RAISE(options->api_key, read_file(environment.api_key_file));
    options->api_key.erase(options->api_key.find_last_not_of(" \t\r\n") + 1);
  }
  if (!environment.bearer_token_env.empty()) {
    ARROW_ASSIGN_OR_RAISE(options->bearer_token,
                          secret_in(environment.bearer_token_env, "the bearer token"));
  }
  return Status::OK();
}

// The part of an address that says which server it is.
std::string_view host_of(std::string_view url) {
  const size_t start = url.find("://");
  const auto rest = start == std::string_view::npos ? url : url.substr(start + 3);
  if (rest.starts_with('[')) {  // an IPv6 address has colons of its own
    return rest.substr(0, rest.find(']') + 1);
  }
  return rest.substr(0, rest.find_first_of(":/"));
}

}  // namespace

std::string environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::string() : std::string(value);
}

Result<Configuration> parse_configuration(const std::string& toml, const std::string& path) {
  Configuration configuration;
  try {
    const toml::table table = toml::parse(toml, path);
    configuration.default_place = table["place"].value_or(std::string());
    configuration.journal = table["journal"].value_or(std::string());
    configuration.archive = table["archive"].value_or(std::string());
    configuration.key_file = table["key_file"].value_or(std::string());
    if (const auto* tables = table["env"].as_table()) {
      for (const auto& [name, entry] : *tables) {
        if (entry.as_table() == nullptr) {
          return wrong(fmt::format("env.{} is no table", std::string(name.str())), path);
        }
        ARROW_ASSIGN_OR_RAISE(auto environment,
                              environment_of(name.str(), *entry.as_table(), path));
        configuration.environments.push_back(std::move(environment));
      }
    }
  } catch (const toml::parse_error& error) {
    return wrong(std::string(error.description()),
                 fmt::format("{} line {}", path, error.source().begin.line));
  }
  return configuration;
}

Result<QdrantOptions> qdrant_options(const std::string& url, const Environment* environment,
                                     const NetworkOptions& network) {
  QdrantOptions options{.url = url};
  std::string transport = network.transport;
  if (environment != nullptr) {
    ARROW_RETURN_NOT_OK(add_secrets(*environment, &options));
    options.headers = environment->headers;
    options.ca_file = environment->ca_file;
    options.proxy = environment->proxy;
    options.nodes = environment->nodes;
    options.grpc_url = environment->grpc_url;
    options.max_points_per_second = environment->max_points_per_second;
    if (!environment->write_ordering.empty()) {
      options.write_ordering = parse_write_ordering(environment->write_ordering);
      if (!options.write_ordering) {
        return wrong(fmt::format("no write_ordering '{}'", environment->write_ordering),
                     fmt::format("[env.{}]", environment->name), "there is weak, medium, strong");
      }
    }
    if (options.grpc_url.empty() && environment->grpc_port) {
      options.grpc_url = fmt::format("{}:{}", host_of(url), *environment->grpc_port);
    }
    if (transport.empty()) {
      transport = environment->transport;
    }
  }
  const std::string usual = environment_variable("QDRANT_URL");
  if (options.api_key.empty() && options.bearer_token.empty() &&
      (usual.empty() || host_of(usual) == host_of(url))) {
    options.api_key = environment_variable("QDRANT_API_KEY");
  }
  if (!transport.empty()) {
    const auto parsed = parse_transport(transport);
    if (!parsed) {
      return wrong(fmt::format("no transport '{}'", transport), "--transport",
                   "there is auto, grpc, rest");
    }
    options.transport = *parsed;
  }
  if (!network.ca_file.empty()) {
    options.ca_file = network.ca_file;
  }
  if (network.max_points_per_second > 0) {
    options.max_points_per_second = network.max_points_per_second;
  }
  options.lanes = network.lanes;
  options.wait_for_index = !network.no_wait_index;
  return options;
}

}  // namespace vecferry
