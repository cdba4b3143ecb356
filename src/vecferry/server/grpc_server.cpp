// One call after another on each thread: a thread takes an event from the queue, and when that is
// a request it answers it before it looks at the queue again. So the threads are the pool, and no
// request changes hands.

#include "vecferry/server/grpc_server.h"

#include <collections.pb.h>
#include <fmt/format.h>
#include <grpc/support/log.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include "vecferry/base/log.h"
#include "vecferry/server/api_keys.h"
#include "vecferry/server/grpc_methods_internal.h"
#include "vecferry/server/words.h"
#include "vecferry/wire/server_errors.h"

namespace vecferry::server {
namespace {

using Methods = std::unordered_map<std::string_view, const GrpcMethod*>;

Methods all_methods() {
  Methods methods;
  for (const auto group :
       {grpc_service_methods(), grpc_collections_methods(), grpc_points_read_methods(),
        grpc_points_write_methods(), grpc_snapshots_methods()}) {
    for (const auto& method : group) {
      methods.emplace(method.name, &method);
    }
  }
  return methods;
}

std::string_view metadata_of(const grpc::ServerContextBase& context, const char* name) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find(name);
  return found == metadata.end() ? std::string_view()
                                 : std::string_view(found->second.data(), found->second.size());
}

grpc::Status status_of(const Status& status) {
  const Failure failure = failure_of(status);
  if (is_not_served(failure)) {
    return {grpc::StatusCode::UNIMPLEMENTED, failure.what};
  }
  // The operations speak of the body of REST.
  constexpr std::string_view kRest = "Validation error in JSON body";
  std::string what = failure.what;
  if (what.rfind(kRest, 0) == 0) {
    what.replace(0, kRest.size(), "Validation error in body");
  }
  return {static_cast<grpc::StatusCode>(wire::grpc_code_of(failure)), what};
}

grpc::Status unknown(std::string_view method) {
  return {grpc::StatusCode::UNIMPLEMENTED,
          fmt::format("{} is not served by vecferry; docs/serve.md lists what is", method)};
}

// For a key that may only read.
Status check_read_only(const GrpcMethod& method, std::string_view bytes) {
  if (method.access == GrpcAccess::kManage) {
    return refused("Global manage access is required");
  }
  if (method.access != GrpcAccess::kWrite) {
    return Status::OK();
  }
  // Every message that writes has the collection where this one has it.
  ARROW_ASSIGN_OR_RAISE(const auto message, read_message<qdrant::GetCollectionInfoRequest>(bytes));
  return refused(
      fmt::format("Write access to collection {} is required", message.collection_name()));
}

// The bytes of a message in one piece; `*slice` keeps them.
bool contiguous(const grpc::ByteBuffer& buffer, grpc::Slice* slice) {
  return buffer.TrySingleSlice(slice).ok() || buffer.DumpToSingleSlice(slice).ok();
}

// gRPC has one log for the process, and would print it.
void take_over_log() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function([](gpr_log_func_args* line) {
      if (line->severity == GPR_LOG_SEVERITY_ERROR) {
        log(LogLevel::kWarning, "gRPC", {{"says", line->message}});
      }
    });
  });
}

// Gives the text to gRPC without a copy.
grpc::ByteBuffer as_buffer(std::string text) {
  auto* kept = new std::string(std::move(text));
  const grpc::Slice slice(
      kept->data(), kept->size(), [](void* owner) { delete static_cast<std::string*>(owner); },
      kept);
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace

class GrpcServer::Impl {
 public:
  Impl(Collections* collections, const GrpcOptions& options)
      : collections_(*collections),
        keys_(options.api_keys),
        read_only_keys_(options.read_only_api_keys),
        methods_(all_methods()) {}

  ~Impl() { stop(std::chrono::milliseconds(0)); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status start(const GrpcOptions& options) {
    take_over_log();
    grpc::ServerBuilder builder;
    builder.AddListeningPort(options.address, grpc::InsecureServerCredentials(), &port_);
    builder.RegisterAsyncGenericService(&service_);
    builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_request_bytes));
    builder.SetMaxSendMessageSize(-1);
    // Two servers on one port would share its clients.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    // Clients of Qdrant ping idle connections; gRPC would take the second ping for an attack.
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
    queue_ = builder.AddCompletionQueue();
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) {
      queue_->Shutdown();
      return fail({.kind = ErrorKind::kConflict,
                   .what = fmt::format("cannot listen for gRPC at {}", options.address),
                   .next = "free the port, or take another one with --grpc"});
    }
    const auto processors = static_cast<int>(std::thread::hardware_concurrency());
    const int threads = options.threads > 0 ? options.threads : std::clamp(2 * processors, 8, 32);
    for (int i = 0; i < threads; ++i) {
      accept();
    }
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { work(); });
    }
    return Status::OK();
  }

  int port() const { return port_; }

  void stop(std::chrono::milliseconds patience) {
    const std::lock_guard once(stopping_);
    if (server_ == nullptr) {
      return;
    }
    server_->Shutdown(std::chrono::system_clock::now() + patience);
    queue_->Shutdown();
    threads_.clear();  // joins
    server_ = nullptr;
  }

 private:
  // A call from the moment that one may come until its answer is on its way.
  struct Call {
    enum class Next { kRequest, kAnswer, kEnd };
    Next next = Next::kRequest;
    grpc::GenericServerContext context{};
    grpc::GenericServerAsyncReaderWriter stream{&context};
    grpc::ByteBuffer buffer{};
    const GrpcMethod* method = nullptr;
    bool may_write = true;
  };

  void accept() {
    auto call = std::make_unique<Call>();
    auto* waiting = call.get();
    service_.RequestCall(&waiting->context, &waiting->stream, queue_.get(), queue_.get(),
                         call.release());  // the queue gives it back
  }

  void work() {
    void* tag = nullptr;
    bool ok = false;
    while (queue_->Next(&tag, &ok)) {
      std::unique_ptr<Call> call(static_cast<Call*>(tag));
      if (proceed(call.get(), ok)) {
        discard_ownership(&call);
      }
    }
  }

  // Whether the call waits for something again.
  bool proceed(Call* call, bool ok) {
    switch (call->next) {
      case Call::Next::kRequest:
        if (!ok) {
          return false;  // the server stops
        }
        accept();
        begin(call);
        return true;
      case Call::Next::kAnswer:
        answer(call, ok);
        return true;
      case Call::Next::kEnd:
        break;
    }
    return false;
  }

  void begin(Call* call) {
    const auto found = methods_.find(call->context.method());
    call->method = found == methods_.end() ? nullptr : found->second;
    grpc::Status refused = admit(call);
    if (refused.ok() && call->method == nullptr) {
      refused = unknown(call->context.method());
    }
    if (!refused.ok()) {
      call->next = Call::Next::kEnd;
      call->stream.Finish(refused, call);
      return;
    }
    call->next = Call::Next::kAnswer;
    call->stream.Read(&call->buffer, call);
  }

  // Who has no key does not even hear which methods there are.
  grpc::Status admit(Call* call) const {
    const bool open = call->method != nullptr && call->method->access == GrpcAccess::kOpen;
    if (open || (keys_.empty() && read_only_keys_.empty())) {
      return grpc::Status::OK;
    }
    const Right right =
        right_of({.full = keys_, .read = read_only_keys_}, metadata_of(call->context, "api-key"),
                 metadata_of(call->context, "authorization"));
    call->may_write = right.may_write;
    return right.refusal.empty() ? grpc::Status::OK
                                 : grpc::Status(grpc::StatusCode::UNAUTHENTICATED, right.refusal);
  }

  void answer(Call* call, bool ok) {
    call->next = Call::Next::kEnd;
    if (!ok) {
      call->stream.Finish({grpc::StatusCode::INTERNAL, "Missing request message."}, call);
      return;
    }
    auto reply = answer_of(*call->method, call->may_write, &call->buffer);
    if (!reply.ok()) {
      call->stream.Finish(status_of(reply.status()), call);
      return;
    }
    call->stream.WriteAndFinish(as_buffer(*std::move(reply)), grpc::WriteOptions(),
                                grpc::Status::OK, call);
  }

  Result<std::string> answer_of(const GrpcMethod& method, bool may_write,
                                grpc::ByteBuffer* buffer) const {
    grpc::Slice request;
    if (!contiguous(*buffer, &request)) {
      return fail({.what = "Service internal error: a request that cannot be read"});
    }
    buffer->Clear();
    const std::string_view bytes(reinterpret_cast<const char*>(request.begin()), request.size());
    try {
      if (!may_write) {
        ARROW_RETURN_NOT_OK(check_read_only(method, bytes));
      }
      return method.answer({.collections = collections_,
                            .bytes = bytes,
                            .started = std::chrono::steady_clock::now()});
    } catch (const std::exception& error) {  // our bug, and no reason to end the other clients
      return fail({.what = fmt::format("Service internal error: {}", error.what())});
    }
  }

  // It is the queue's again.
  static void discard_ownership(std::unique_ptr<Call>* call) { static_cast<void>(call->release()); }

  Collections& collections_;
  const std::vector<std::string> keys_;
  const std::vector<std::string> read_only_keys_;
  const Methods methods_;
  grpc::AsyncGenericService service_{};
  std::unique_ptr<grpc::ServerCompletionQueue> queue_{};
  std::unique_ptr<grpc::Server> server_{};
  int port_ = 0;
  std::mutex stopping_{};
  std::vector<std::jthread> threads_{};
};

GrpcServer::GrpcServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GrpcServer::~GrpcServer() = default;

Result<std::unique_ptr<GrpcServer>> GrpcServer::start(Collections* collections,
                                                      const GrpcOptions& options) {
  auto impl = std::make_unique<Impl>(collections, options);
  ARROW_RETURN_NOT_OK(impl->start(options));
  return std::unique_ptr<GrpcServer>(new GrpcServer(std::move(impl)));
}

int GrpcServer::port() const {
  return impl_->port();
}

void GrpcServer::stop(std::chrono::milliseconds patience) {
  impl_->stop(patience);
}

}  // namespace vecferry::server
