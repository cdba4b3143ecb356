#pragma once

#include <httplib.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/temp_dir.h"
#include "vecferry/server/collections.h"
#include "vecferry/server/rest_server.h"

/// A REST server on a free port over an empty place, and a client of it.
namespace vecferry::testing {

class HttpServer {
 public:
  explicit HttpServer(server::RestOptions options = {}) {
    options.port = 0;
    collections_ = server::Collections::open({dir_.path() / "place"}).ValueOrDie();
    server_ = server::RestServer::start(collections_.get(), options).ValueOrDie();
    client_ = std::make_unique<httplib::Client>("127.0.0.1", port());
    client_->set_keep_alive(true);
    client_->set_url_encode(false);
  }

  int port() const { return server_->port(); }
  server::Collections& collections() { return *collections_; }
  server::RestServer& rest() { return *server_; }
  httplib::Client& client() { return *client_; }
  const TempDir& dir() const { return dir_; }

  /// One exchange; without an answer the status is -1.
  httplib::Response ask(const std::string& method, const std::string& path,
                        const std::string& body = "", const httplib::Headers& headers = {}) {
    httplib::Request request;
    request.method = method;
    request.path = path;
    request.body = body;
    request.headers = headers;
    if (!body.empty()) {
      request.set_header("Content-Type", "application/json");
    }
    const auto result = client_->send(request);
    return result ? *result : httplib::Response{};
  }
  nlohmann::json ask_json(const std::string& method, const std::string& path,
                          const nlohmann::json& body = nullptr) {
    return nlohmann::json::parse(ask(method, path, body.is_null() ? "" : body.dump()).body, nullptr,
                                 false);
  }

 private:
  TempDir dir_;
  std::unique_ptr<server::Collections> collections_;
  std::unique_ptr<server::RestServer> server_;
  std::unique_ptr<httplib::Client> client_;
};

}  // namespace vecferry::testing
