#include "vecferry/server/server.h"

#include <chrono>
#include <utility>

#include "vecferry/server/grpc_server.h"
#include "vecferry/server/rest_server.h"

namespace vecferry::server {

// What is below is destroyed first: faces before what they show.
class Server::Impl {
 public:
  std::unique_ptr<Collections> collections;
  std::unique_ptr<RestServer> rest;
  std::unique_ptr<GrpcServer> grpc;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options) {
  auto impl = std::make_unique<Impl>();
  ARROW_ASSIGN_OR_RAISE(
      impl->collections,
      Collections::open(options.places, {.read_only = options.read_only,
                                         .optimise = options.optimise,
                                         .read_only_places = options.read_only_places}));
  ARROW_ASSIGN_OR_RAISE(impl->rest,
                        RestServer::start(impl->collections.get(),
                                          {.host = options.host,
                                           .port = options.http_port,
                                           .api_keys = options.api_keys,
                                           .read_only_api_keys = options.read_only_api_keys}));
  if (options.grpc) {
    ARROW_ASSIGN_OR_RAISE(impl->grpc,
                          GrpcServer::start(impl->collections.get(),
                                            {.address = *options.grpc,
                                             .api_keys = options.api_keys,
                                             .read_only_api_keys = options.read_only_api_keys}));
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

int Server::http_port() const {
  return impl_->rest->port();
}

int Server::grpc_port() const {
  return impl_->grpc == nullptr ? 0 : impl_->grpc->port();
}

Collections& Server::collections() {
  return *impl_->collections;
}

void Server::stop() {
  constexpr std::chrono::seconds kPatience{30};
  if (impl_->grpc != nullptr) {
    impl_->grpc->stop(kPatience);
  }
  impl_->rest->stop();
}

}  // namespace vecferry::server
