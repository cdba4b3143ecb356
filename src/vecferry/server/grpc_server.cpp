// One call after another on each thread: a thread takes an event from the queue, and when that is
// a request it answers it before it looks at the queue again. So the threads are the pool, and no
// request changes hands.

#include "vecferry/server/grpc_server.h"

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

// Takes as long for a key that differs in its first byte as for one that differs in its last.
bool same_key(std::string_view given, std::string_view key) {
  unsigned difference = given.size() == key.size() ? 0U : 1U;
  for (size_t i = 0; i < given.size(); ++i) {
    const char expected = i < key.size() ? key[i] : '\0';
    difference |= static_cast<unsigned>(given[i] ^ expected);
  }
  return difference == 0;
}

std::string_view metadata_of(const grpc::ServerContextBase& context, const char* name) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find(name);
  return found == metadata.end() ? std::string_view()
                                 : std::string_view(found->second.data(), found->second.size());
}

grpc::Status authorised(const grpc::ServerContextBase& context,
                        const std::vector<std::string>& keys) {
  constexpr std::string_view kBearer = "Bearer ";
  std::string_view given = metadata_of(context, "api-key");
  if (given.empty()) {
    const auto header = metadata_of(context, "authorization");
    if (header.substr(0, kBearer.size()) == kBearer) {
      given = header.substr(kBearer.size());
    }
  }
  if (given.empty()) {
    return {grpc::StatusCode::UNAUTHENTICATED,
            "Must provide an API key or an Authorization bearer token"};
  }
  bool known = false;
  for (const auto& key : keys) {
    known = same_key(given, key) || known;
  }
  return known ? grpc::Status::OK
               : grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "Invalid API key or JWT");
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
  auto* kept = new std::string(std::move(text));  // NOLINT(cppcoreguidelines-owning-memory)
  const grpc::Slice slice(
      kept->data(), kept->size(), [](void* owner) { delete static_cast<std::string*>(owner); },
      kept);
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace

class GrpcServer::Impl {
 public:
  Impl(Collections* collections, const GrpcOptions& options)
      : collections_(*collections), keys_(options.api_keys), methods_(all_methods()) {}

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
    const bool open = keys_.empty() || (call->method != nullptr && call->method->open);
    grpc::Status refused = open ? grpc::Status::OK : authorised(call->context, keys_);
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

  void answer(Call* call, bool ok) {
    call->next = Call::Next::kEnd;
    if (!ok) {
      call->stream.Finish({grpc::StatusCode::INTERNAL, "Missing request message."}, call);
      return;
    }
    auto reply = answer_of(*call->method, &call->buffer);
    if (!reply.ok()) {
      call->stream.Finish(status_of(reply.status()), call);
      return;
    }
    call->stream.WriteAndFinish(as_buffer(*std::move(reply)), grpc::WriteOptions(),
                                grpc::Status::OK, call);
  }

  Result<std::string> answer_of(const GrpcMethod& method, grpc::ByteBuffer* buffer) const {
    grpc::Slice request;
    if (!contiguous(*buffer, &request)) {
      return fail({.what = "Service internal error: a request that cannot be read"});
    }
    buffer->Clear();
    try {
      return method.answer(
          {.collections = collections_,
           .bytes = {reinterpret_cast<const char*>(request.begin()), request.size()},
           .started = std::chrono::steady_clock::now()});
    } catch (const std::exception& error) {  // our bug, and no reason to end the other clients
      return fail({.what = fmt::format("Service internal error: {}", error.what())});
    }
  }

  // It is the queue's again.
  static void discard_ownership(std::unique_ptr<Call>* call) { static_cast<void>(call->release()); }

  Collections& collections_;
  const std::vector<std::string> keys_;
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
