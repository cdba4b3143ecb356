#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "vecferry/base/durable_file.h"
#include "vecferry/cli/context.h"
#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/memory.h"
#include "vecferry/cli/places.h"
#include "vecferry/server/server.h"

namespace vecferry {
namespace {

struct ServeWords {
  std::vector<std::string> places{};
  std::string http = "127.0.0.1:6333";
  std::string grpc = "127.0.0.1:6334";
  std::string api_key_file{};
  bool read_only = false;
};

Status read_address(const std::string& text, std::string* host, int* port) {
  const size_t colon = text.rfind(':');
  const char* end = text.data() + text.size();
  constexpr int kLastPort = 65535;
  if (colon != std::string::npos && colon > 0 &&
      std::from_chars(text.data() + colon + 1, end, *port).ptr == end && *port >= 0 &&
      *port <= kLastPort && colon + 1 < text.size()) {
    *host = text.substr(0, colon);
    return Status::OK();
  }
  return fail({.kind = ErrorKind::kUsage,
               .what = fmt::format("'{}' is no address", text),
               .next = "write HOST:PORT, as in 127.0.0.1:6333; port 0 takes any free one"});
}

// From the file that was named, else from the environment; never from the command line, which
// others can read.
Result<std::string> read_api_key(const std::string& file) {
  if (file.empty()) {
    return environment_variable("VECFERRY_API_KEY");
  }
  ARROW_ASSIGN_OR_RAISE(std::string key, read_file(file));
  key.erase(key.find_last_not_of(" \t\r\n") + 1);
  if (key.empty()) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("'{}' holds no key", file),
                 .next = "put the key on one line of it"});
  }
  return key;
}

Result<server::ServerOptions> server_options(const Context& context, const ServeWords& words) {
  server::ServerOptions options{.read_only = words.read_only};
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file));
  for (const auto& word : words.places) {
    ARROW_ASSIGN_OR_RAISE(const auto place, parse_place(names.resolve_place(word)));
    if (place.kind != PlaceKind::kLocal) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = fmt::format("'{}' is no local place", word),
                   .next = "serve takes folders, as in `vecferry serve local:DIR`; copy into one "
                           "first"});
    }
    options.places.emplace_back(place.address);
  }
  ARROW_RETURN_NOT_OK(read_address(words.http, &options.host, &options.http_port));
  if (words.grpc == "off") {
    options.grpc.reset();
  } else {
    std::string host;
    int port = 0;
    ARROW_RETURN_NOT_OK(read_address(words.grpc, &host, &port));
    options.grpc = words.grpc;
  }
  ARROW_ASSIGN_OR_RAISE(auto key, read_api_key(words.api_key_file));
  if (!key.empty()) {
    options.api_keys.push_back(std::move(key));
  }
  if (auto read_only = environment_variable("VECFERRY_READ_ONLY_API_KEY"); !read_only.empty()) {
    options.read_only_api_keys.push_back(std::move(read_only));
  }
  return options;
}

Result<int> serve(const Context& context, const Output& output, const ServeWords& words) {
  ARROW_ASSIGN_OR_RAISE(const auto options, server_options(context, words));
  give_memory_back_after_requests();
  ARROW_ASSIGN_OR_RAISE(const auto running, server::Server::start(options));
  const std::string http = fmt::format("http://{}:{}", options.host, running->http_port());
  std::string grpc;
  if (options.grpc) {
    grpc = fmt::format("http://{}:{}", options.grpc->substr(0, options.grpc->rfind(':')),
                       running->grpc_port());
  }
  output.text(fmt::format("serving {}{}\n", http, grpc.empty() ? "" : ", gRPC " + grpc));
  output.line(
      {{"type", "serving"},
       {"http", http},
       {"grpc", grpc.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(grpc)}});
  constexpr std::chrono::milliseconds kLook{50};
  while (!context.stop.IsStopRequested()) {
    std::this_thread::sleep_for(kLook);
  }
  running->stop();
  return kExitDone;
}

}  // namespace

void add_serve(CLI::App& app, Context& context) {
  auto words = std::make_shared<ServeWords>();
  auto* verb = app.add_subcommand(
      "serve",
      "Answer as a Qdrant server does, over the collections of local places, until SIGINT or\n"
      "SIGTERM. With VECFERRY_API_KEY set, clients must show that key; one that shows\n"
      "VECFERRY_READ_ONLY_API_KEY may look, and change nothing.");
  verb->add_option("PLACE", words->places, "local:DIR; new collections go to the first")
      ->required();
  verb->add_option("--http", words->http, "Where REST is served; port 0: any free one")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  verb->add_option("--grpc", words->grpc, "Where gRPC is served, or `off`")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  verb->add_option("--api-key-file", words->api_key_file, "A file that holds the key")
      ->type_name("FILE");
  verb->add_flag("--read-only", words->read_only, "Refuse every change");
  verb->callback([&context, words] {
    context.run = [&context, words](const Output& output) {
      return serve(context, output, *words);
    };
  });
}

}  // namespace vecferry
