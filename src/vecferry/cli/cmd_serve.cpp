#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "vecferry/base/durable_file.h"
#include "vecferry/base/temporary_folder.h"
#include "vecferry/cli/archives.h"
#include "vecferry/cli/context.h"
#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/memory.h"
#include "vecferry/cli/opener.h"
#include "vecferry/cli/places.h"
#include "vecferry/cli/restore_aside.h"
#include "vecferry/server/server.h"

namespace vecferry {
namespace {

struct ServeWords {
  std::vector<std::string> places{};
  std::string http = "127.0.0.1:6333";
  std::string grpc = "127.0.0.1:6334";
  std::string api_key_file{};
  bool read_only = false;
  bool index = false;
};

/// What is served.
struct ServedPlaces {
  std::vector<std::string> local{};         ///< folders
  std::vector<TypedBackup> archives{};      ///< whole ones, or a backup of a collection
  std::vector<TemporaryFolder> unpacked{};  ///< of the archives, as local places
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

// "archive:DIR", or a collection in it when the folder above is an archive.
Result<TypedBackup> served_archive(const Context& context, const PlaceNames& names,
                                   const std::string& text, const Place& place) {
  ARROW_ASSIGN_OR_RAISE(auto address, archive_address(to_string(place)));
  const auto whole = open_repository(names, address, RepositoryMode::kOpen, context.stop);
  if (whole.ok()) {
    return TypedBackup{.archive = std::move(address)};
  }
  if (kind_of(whole.status()) == ErrorKind::kNotFound) {
    auto backup = typed_backup(context, names, text, "");
    if (backup.ok() &&
        open_repository(names, backup->archive, RepositoryMode::kOpen, context.stop).ok()) {
      return backup;
    }
  }
  return whole.status();
}

Result<ServedPlaces> served_places(const Context& context, const PlaceNames& names,
                                   const ServeWords& words) {
  ServedPlaces served;
  for (const auto& word : words.places) {
    const std::string text = names.resolve_place(word);
    ARROW_ASSIGN_OR_RAISE(const auto place, parse_place(text));
    if (place.kind == PlaceKind::kLocal) {
      served.local.push_back(place.address);
    } else if (place.kind == PlaceKind::kArchive) {
      ARROW_ASSIGN_OR_RAISE(auto backup, served_archive(context, names, text, place));
      served.archives.push_back(std::move(backup));
    } else {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = fmt::format("'{}' is neither a local place nor an archive", word),
                   .next =
                       "serve takes folders, as in `vecferry serve local:DIR` or `archive:DIR`; "
                       "copy into one first"});
    }
  }
  return served;
}

// The newest backup of every collection, or the one that was named, as a local place that goes with
// the server.
Result<TemporaryFolder> unpack(const TypedBackup& typed, const PlaceNames& names, bool index,
                               Progress& progress, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto archive,
                        open_repository(names, typed.archive, RepositoryMode::kOpen, stop));
  std::vector<std::string> collections{typed.collection};
  if (typed.collection.empty()) {
    ARROW_ASSIGN_OR_RAISE(collections, archive->collections(stop));
  }
  if (collections.empty()) {
    return fail({.kind = ErrorKind::kNotFound,
                 .what = "this archive has no backups yet",
                 .where = typed.archive,
                 .next = fmt::format("make one: `vecferry backup LOC --to {}`", typed.archive)});
  }
  ARROW_ASSIGN_OR_RAISE(auto folder, TemporaryFolder::make("served"));
  NamedPlaces places(names, progress);
  for (const auto& collection : collections) {
    ARROW_ASSIGN_OR_RAISE(const auto manifest, archive->find(collection, typed.when, stop));
    const RestoreAside request{.verb = "serve",
                               .archive = typed.archive,
                               .folder = folder.path().string(),
                               .build_index = index};
    ARROW_RETURN_NOT_OK(restore_aside(request, manifest, places, progress, stop).status());
  }
  return folder;
}

Status unpack_archives(const Context& context, const Output& output, const PlaceNames& names,
                       bool index, ServedPlaces* served) {
  if (served->archives.empty()) {
    return Status::OK();
  }
  Progress progress;
  const ProgressDisplay display(output, progress);
  for (const auto& archive : served->archives) {
    ARROW_ASSIGN_OR_RAISE(auto folder, unpack(archive, names, index, progress, context.stop));
    served->unpacked.push_back(std::move(folder));
  }
  return Status::OK();
}

Result<server::ServerOptions> server_options(const ServeWords& words) {
  server::ServerOptions options{.read_only = words.read_only};
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
  ARROW_ASSIGN_OR_RAISE(auto options, server_options(words));
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  ARROW_ASSIGN_OR_RAISE(auto served, served_places(context, names, words));
  ARROW_RETURN_NOT_OK(unpack_archives(context, output, names, words.index, &served));
  options.places.assign(served.local.begin(), served.local.end());
  for (const auto& folder : served.unpacked) {
    options.read_only_places.push_back(folder.path());
  }
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
      "Answer as a Qdrant server does, over the collections of local places and archives, until\n"
      "SIGINT or SIGTERM. Of an archive's collections the newest backups are served, read-only,\n"
      "from a temporary folder. With VECFERRY_API_KEY set, clients must show that key; one that "
      "shows\n"
      "VECFERRY_READ_ONLY_API_KEY may look, and change nothing.");
  verb->add_option(
          "PLACE", words->places,
          "local:DIR (new collections go to the first), archive:DIR, archive:DIR/NAME@WHEN")
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
  verb->add_flag("--index", words->index,
                 "Build the vector indexes of an archive's collections before it is served");
  verb->callback([&context, words] {
    context.run = [&context, words](const Output& output) {
      return serve(context, output, *words);
    };
  });
}

}  // namespace vecferry
