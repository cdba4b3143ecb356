#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/contract/backend_contract.h"
#include "tests/support/temp_dir.h"
#include "vecferry/backend/location.h"
#include "vecferry/backends/qdrant/http_client_internal.h"
#include "vecferry/backends/qdrant/qdrant_backend.h"
#include "vecferry/server/server.h"
#include "vecferry/wire/rest_replies.h"
#include "vecferry/wire/server_errors.h"

// The suite over REST alone and over gRPC: against our own server in this process, and against a
// real one when VECFERRY_TEST_QDRANT_URL names it. That one must be empty, and is empty afterwards.
namespace vecferry::testing {
namespace {

const StopToken kGoOn = StopToken::Unstoppable();

std::unique_ptr<Backend> connect(const std::string& url, const std::string& grpc_url,
                                 Transport transport) {
  return open_qdrant({.url = url, .transport = transport, .grpc_url = grpc_url}, kGoOn)
      .ValueOrDie();
}

class OwnServer : public Place {
 public:
  explicit OwnServer(Transport transport)
      : server_(server::Server::start({.places = {dir_.path() / "place"},
                                       .http_port = 0,
                                       .grpc = "127.0.0.1:0",
                                       .optimise = false})
                    .ValueOrDie()),
        backend_(connect("http://127.0.0.1:" + std::to_string(server_->http_port()),
                         "127.0.0.1:" + std::to_string(server_->grpc_port()), transport)) {}
  Backend& backend() override { return *backend_; }

 private:
  TempDir dir_;
  std::unique_ptr<server::Server> server_;
  std::unique_ptr<Backend> backend_;
};

// Everything on it is taken away, also what `list` does not show.
class RealServer : public Place {
 public:
  RealServer(const std::string& url, Transport transport)
      : http_(remote::HttpClient::make({.base_url = url, .use_proxy = false}).ValueOrDie()) {
    if (!names().empty()) {
      throw std::runtime_error("the server of VECFERRY_TEST_QDRANT_URL must be empty");
    }
    backend_ = connect(url, {}, transport);
  }
  ~RealServer() override {
    for (const auto& name : names()) {
      discard(
          http_->send({.method = "DELETE", .path = "/collections/" + percent_encode(name)}, kGoOn)
              .status(),
          "the next test says that the server is not empty");
    }
  }
  RealServer(const RealServer&) = delete;
  RealServer& operator=(const RealServer&) = delete;
  Backend& backend() override { return *backend_; }

 private:
  std::vector<std::string> names() const {
    const auto reply = http_->send({.path = "/collections"}, kGoOn).ValueOrDie();
    return wire::collection_names(wire::result_of(reply.body).ValueOrDie()).ValueOrDie();
  }

  std::unique_ptr<remote::HttpClient> http_;
  std::unique_ptr<Backend> backend_;
};

std::string real_url() {
  const char* url = std::getenv("VECFERRY_TEST_QDRANT_URL");
  return url == nullptr ? std::string() : std::string(url);
}

// A server in cluster mode is tried with points under shard keys.
CollectionConfig config_for(const std::string& url) {
  auto config = Generator::every_kind();
  if (connect(url, {}, Transport::kRest)->capabilities().shard_keys) {
    auto settings = nlohmann::json::parse(config.settings_json);
    settings["params"]["sharding_method"] = "custom";
    config.settings_json = settings.dump();
  }
  return config;
}

std::vector<PlaceKind> real_servers() {
  const std::string url = real_url();
  if (url.empty()) {
    return {};
  }
  const auto config = config_for(url);
  return {{"rest", [url] { return std::make_unique<RealServer>(url, Transport::kRest); }, config},
          {"grpc", [url] { return std::make_unique<RealServer>(url, Transport::kGrpc); }, config}};
}

INSTANTIATE_TEST_SUITE_P(
    Serve, BackendContract,
    ::testing::Values(
        PlaceKind{"rest", [] { return std::make_unique<OwnServer>(Transport::kRest); }},
        PlaceKind{"grpc", [] { return std::make_unique<OwnServer>(Transport::kGrpc); }}),
    label_of);

// None where VECFERRY_TEST_QDRANT_URL names no server.
INSTANTIATE_TEST_SUITE_P(Real, BackendContract, ::testing::ValuesIn(real_servers()), label_of);

}  // namespace
}  // namespace vecferry::testing
