#include "vecferry/server/rest_server.h"

#include <fmt/format.h>
#include <httplib.h>

#include <algorithm>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>

#include "vecferry/base/log.h"
#include "vecferry/server/api_keys.h"
#include "vecferry/server/rest_body_internal.h"
#include "vecferry/server/rest_routes.h"
#include "vecferry/wire/server_errors.h"

namespace vecferry::server {
namespace {

namespace fs = std::filesystem;

constexpr size_t kConnections = 64;      // served at once; more of them wait
constexpr size_t kRequests = 1'000'000;  // over one connection
constexpr time_t kKeepAliveSeconds = 5;  // as a server's http_keep_alive_timeout_sec
constexpr time_t kPatienceSeconds = 60;  // between two parts of a request or an answer
constexpr const char* kJson = "application/json; charset=utf-8";

bool open_to_all(const std::vector<std::string>& path) {
  return path.empty() ||
         (path.size() == 1 && (path[0] == "healthz" || path[0].rfind("readyz", 0) == 0 ||
                               path[0].rfind("livez", 0) == 0));
}

void remove_folder(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) {
    log(LogLevel::kWarning, "cannot remove a folder that is no longer used",
        {{"folder", folder.string()}, {"error", error.message()}});
  }
}

void send_file(const RestAnswer& answer, httplib::Response* response) {
  std::error_code error;
  const auto size = fs::file_size(answer.file, error);
  auto in = std::make_shared<std::ifstream>(answer.file, std::ios::binary);
  const auto folder = answer.file_is_ours ? answer.file.parent_path() : fs::path();
  response->set_header("Content-Disposition",
                       fmt::format("attachment; filename=\"{}\"", answer.file_name));
  response->set_content_provider(
      error ? 0 : size, answer.content_type.c_str(),
      [in](size_t offset, size_t length, httplib::DataSink& sink) {
        constexpr size_t kPart = size_t{1} << 20U;
        std::string part(std::min(length, kPart), '\0');
        in->seekg(static_cast<std::streamoff>(offset));
        in->read(part.data(), static_cast<std::streamsize>(part.size()));
        return in->gcount() == static_cast<std::streamsize>(part.size()) &&
               sink.write(part.data(), part.size());
      },
      [folder](bool /*success*/) {
        if (!folder.empty()) {
          remove_folder(folder);
        }
      });
}

void send(RestAnswer answer, httplib::Response* response) {
  response->status = answer.status;
  if (!answer.file.empty()) {
    send_file(answer, response);
    return;
  }
  response->body = std::move(answer.body);
  if (!answer.content_type.empty()) {
    response->set_header("Content-Type", answer.content_type);
  }
}

RestAnswer bad_body(std::string_view what) {
  constexpr int kBadRequest = 400;
  return {.status = kBadRequest, .body = wire::error_body(what, 0), .content_type = kJson};
}

}  // namespace

class RestServer::Impl {
 public:
  Impl(Collections* collections, RestOptions options)
      : collections_(*collections), options_(std::move(options)) {}
  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status start() {
    server_.new_task_queue = [] { return new httplib::ThreadPool(kConnections); };
    server_.set_keep_alive_max_count(kRequests);
    server_.set_keep_alive_timeout(kKeepAliveSeconds);
    server_.set_read_timeout(kPatienceSeconds);
    server_.set_write_timeout(kPatienceSeconds);
    server_.set_tcp_nodelay(true);
    // The library's own choice, SO_REUSEPORT, lets two servers share a port without a word.
    server_.set_socket_options([](auto socket) {
      const int yes = 1;
      static_cast<void>(::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes));
    });
    add_handlers();
    // A request line that the library does not take it answers by itself, and leaves what follows
    // unread: it must not be taken for the next request.
    const httplib::Server::HandlerWithResponse end_connection = [](const httplib::Request& request,
                                                                   httplib::Response& response) {
      if (request.headers.empty()) {
        response.set_header("Connection", "close");
      }
      return httplib::Server::HandlerResponse::Unhandled;
    };
    server_.set_error_handler(end_connection);
    port_ = options_.port;
    const bool bound = options_.port == 0
                           ? (port_ = server_.bind_to_any_port(options_.host.c_str())) > 0
                           : server_.bind_to_port(options_.host.c_str(), options_.port);
    if (!bound) {
      return fail({.kind = ErrorKind::kConflict,
                   .what = fmt::format("cannot listen on {}:{}", options_.host, options_.port),
                   .next = "another server may have that port; choose one with `--http HOST:PORT` "
                           "(port 0: any)"});
    }
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    return Status::OK();
  }

  int port() const { return port_; }

  void stop() {
    if (!thread_.joinable()) {
      return;
    }
    stopping_ = true;
    server_.stop();
    end_idle_connections(port_);
    thread_.join();
  }

 private:
  void add_handlers() {
    const std::string any = "[\\s\\S]*";
    const auto plain = [this](const httplib::Request& request, httplib::Response& response) {
      handle(request, nullptr, &response);
    };
    const auto with_body = [this](const httplib::Request& request, httplib::Response& response,
                                  const httplib::ContentReader& reader) {
      handle(request, &reader, &response);
    };
    server_.Get(any, plain);
    server_.Options(any, plain);
    server_.Post(any, with_body);
    server_.Put(any, with_body);
    server_.Patch(any, with_body);
    server_.Delete(any, plain);
  }

  void handle(const httplib::Request& request, const httplib::ContentReader* reader,
              httplib::Response* response) {
    RestRequest rest{.method = request.method};
    fs::path scratch;
    auto refused = admit(request, &rest);
    if (refused && reader != nullptr) {
      drain(*reader, request);
    } else if (!refused && reader != nullptr) {
      refused = take_body(request, *reader, &rest, &scratch);
    }
    send(refused ? *std::move(refused) : answer(collections_, std::move(rest)), response);
    if (!scratch.empty()) {
      remove_folder(scratch);
    }
    if (stopping_) {
      response->set_header("Connection", "close");
    }
  }

  // Look at what stands before a body: the key and the address. What it is refused with, if it is.
  std::optional<RestAnswer> admit(const httplib::Request& request, RestRequest* rest) {
    auto target = read_target(request.target);
    if (!target || !open_to_all(target->path)) {
      const auto right =
          right_of({.full = options_.api_keys, .read = options_.read_only_api_keys},
                   request.get_header_value("api-key"), request.get_header_value("Authorization"));
      if (!right.refusal.empty()) {
        constexpr int kUnauthorized = 401;
        return RestAnswer{.status = kUnauthorized, .body = right.refusal};
      }
      rest->may_write = right.may_write;
    }
    if (!target || request.method == "HEAD") {
      constexpr int kNotFound = 404;
      return RestAnswer{.status = kNotFound};
    }
    rest->path = std::move(target->path);
    rest->query = std::move(target->query);
    return std::nullopt;
  }

  std::optional<RestAnswer> take_body(const httplib::Request& request,
                                      const httplib::ContentReader& reader, RestRequest* rest,
                                      fs::path* scratch) {
    if (request.is_multipart_form_data()) {
      return take_upload(request, reader, rest, scratch);
    }
    const std::string problem = read_body(request, reader, options_.max_request_bytes, &rest->body);
    return problem.empty() ? std::nullopt : std::optional(bad_body(problem));
  }

  std::optional<RestAnswer> take_upload(const httplib::Request& request,
                                        const httplib::ContentReader& reader, RestRequest* rest,
                                        fs::path* scratch) {
    const bool wanted = !rest->path.empty() && rest->path.back() == "upload" && rest->may_write;
    auto folder = wanted ? collections_.scratch_folder(rest->path.size() > 1 ? rest->path[1] : "")
                         : Result<fs::path>(fs::path());
    if (!folder.ok() || folder->empty()) {
      drain(reader, request);
      return folder.ok() ? std::nullopt : std::optional(bad_body(failure_of(folder.status()).what));
    }
    *scratch = *folder;
    const fs::path file = *folder / "uploaded.snapshot";
    if (save_upload(reader, "snapshot", file)) {
      rest->upload = file;
    }
    return std::nullopt;
  }

  Collections& collections_;
  const RestOptions options_;
  httplib::Server server_;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

RestServer::RestServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RestServer::~RestServer() = default;

Result<std::unique_ptr<RestServer>> RestServer::start(Collections* collections,
                                                      const RestOptions& options) {
  auto impl = std::make_unique<Impl>(collections, options);
  ARROW_RETURN_NOT_OK(impl->start());
  return std::unique_ptr<RestServer>(new RestServer(std::move(impl)));
}

int RestServer::port() const {
  return impl_->port();
}

void RestServer::stop() {
  impl_->stop();
}

}  // namespace vecferry::server
