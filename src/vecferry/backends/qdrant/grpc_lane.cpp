#include <curl/curl.h>
#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "vecferry/backends/qdrant/grpc_lane_internal.h"
#include "vecferry/base/durable_file.h"
#include "vecferry/wire/server_errors.h"

namespace vecferry::remote {
namespace {

constexpr auto kPollInterval = std::chrono::milliseconds(100);
constexpr int kMaxFrame = (1 << 24) - 1;  // of HTTP/2: fewer, larger frames
constexpr int kReadAhead = 8 << 20;       // of a stream: a page comes while another is decoded

grpc::Slice slice_of(const GrpcPayload& message) {
  auto* owner = new GrpcPayload(message);
  // gRPC takes a plain pointer, and only reads it.
  return {const_cast<char*>(message->data()), message->size(),
          [](void* held) { delete static_cast<GrpcPayload*>(held); }, owner};
}

std::string metadata_value(const grpc::ClientContext& context, const char* name) {
  const auto& values = context.GetServerTrailingMetadata();
  const auto found = values.find(name);
  return found == values.end() ? std::string()
                               : std::string(found->second.data(), found->second.size());
}

// What the transport says when no server did.
Status connection_failure(const grpc::Status& status, const GrpcOptions& options,
                          const char* method) {
  const std::string& words = status.error_message();
  const auto has = [&](const char* part) { return words.find(part) != std::string::npos; };
  Failure failure{.kind = ErrorKind::kUnavailable,
                  .where = fmt::format("{} at {}", method, options.target),
                  .retryable = true};
  if (has("CERTIFICATE_VERIFY_FAILED") || has("Hostname Verification Check failed")) {
    failure.kind = ErrorKind::kRefused;
    failure.retryable = false;
    failure.what = fmt::format("the server's certificate is not trusted: {}", words);
    failure.next = "name the certificate of its authority with --ca-file";
  } else {
    failure.what = fmt::format("gRPC does not answer at {}: {}", options.target, words);
    failure.next = fmt::format(
        "check that the server runs; `vecferry doctor {}` tells more, --transport rest does "
        "without gRPC",
        options.place);
  }
  return fail(std::move(failure));
}

}  // namespace

struct GrpcCall::State {
  std::shared_ptr<const GrpcOptions> options;
  const char* method = nullptr;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> reader;
  grpc::ByteBuffer reply;
  grpc::Status answer;  // gRPC's until the call is done
  Clock::time_point started;
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;        // guarded by mutex
  Clock::time_point ended;  // guarded by mutex until done
  grpc::Status status;      // guarded by mutex until done
};

GrpcCall::~GrpcCall() {
  std::unique_lock lock(state_->mutex);
  if (!state_->done) {
    state_->context.TryCancel();
    state_->changed.wait(lock, [this] { return state_->done; });
  }
}

Milliseconds GrpcCall::latency() const {
  return std::chrono::duration_cast<Milliseconds>(state_->ended - state_->started);
}

Attempt GrpcCall::wait(const StopToken& stop, GrpcMessage* message) {
  auto& state = *state_;
  {
    std::unique_lock lock(state.mutex);
    Status stopped;
    while (!state.done) {
      // A stop token calls nobody back, so a long wait polls it.
      state.changed.wait_for(lock, kPollInterval, [&] { return state.done; });
      stopped = poll(stop);
      if (!stopped.ok()) {
        state.context.TryCancel();
        state.changed.wait(lock, [&] { return state.done; });
        return {.status = stopped};
      }
    }
  }
  Attempt attempt;
  if (state.status.ok()) {
    grpc::Slice slice;
    if (!state.reply.TrySingleSlice(&slice).ok() && !state.reply.DumpToSingleSlice(&slice).ok()) {
      attempt.status = fail({.what = "a reply that gRPC cannot give", .where = state.method});
      return attempt;
    }
    state.reply.Clear();
    *message = GrpcMessage(std::move(slice));
    return attempt;
  }
  // Some servers send nothing along with a status; then gRPC's own note tells who said it.
  const bool answered =
      !state.context.GetServerTrailingMetadata().empty() ||
      !state.context.GetServerInitialMetadata().empty() ||
      state.context.debug_error_string().find("received from peer") != std::string::npos;
  const auto code = state.status.error_code();
  if (code == grpc::StatusCode::UNAVAILABLE && !answered) {
    attempt.status = connection_failure(state.status, *state.options, state.method);
    return attempt;
  }
  const auto retry_after = metadata_value(state.context, "retry-after");
  auto failure = wire::grpc_failure(
      {.code = static_cast<int>(code),
       .message = state.status.error_message(),
       .retry_after = retry_after,
       .insufficient_storage =
           !metadata_value(state.context, "qdrant-insufficient-storage").empty()},
      fmt::format("{} at {}", state.method, state.options->target));
  if (code == grpc::StatusCode::CANCELLED) {  // not by us: the server, or something between
    failure.failure.kind = ErrorKind::kUnavailable;
    failure.failure.retryable = true;
  }
  attempt.retry_after = failure.retry_after;
  attempt.too_large = failure.too_large;
  attempt.about_points = code == grpc::StatusCode::INVALID_ARGUMENT;
  attempt.status = fail(std::move(failure.failure));
  return attempt;
}

// The thread takes in what comes, so that a reply arrives while nobody waits for it. (gRPC 1.51 has
// threads of its own for that in its callback interface, which abort when the last channel goes.)
struct GrpcLane::Channel {
  std::shared_ptr<const GrpcOptions> options;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<grpc::GenericStub> stub;
  grpc::CompletionQueue queue;
  std::thread thread;

  Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel() {
    queue.Shutdown();
    if (thread.joinable()) {
      thread.join();
    }
  }

  void run() {
    void* tag = nullptr;
    bool ok = false;
    while (queue.Next(&tag, &ok)) {
      const std::unique_ptr<std::shared_ptr<GrpcCall::State>> held(
          static_cast<std::shared_ptr<GrpcCall::State>*>(tag));
      auto& state = **held;
      const std::lock_guard lock(state.mutex);
      state.status = state.answer;
      state.ended = Clock::now();
      state.done = true;
      state.changed.notify_all();
    }
  }
};

GrpcLane::GrpcLane(std::unique_ptr<Channel> channel) : channel_(std::move(channel)) {}
GrpcLane::~GrpcLane() = default;

Result<std::unique_ptr<GrpcLane>> GrpcLane::open(GrpcOptions options) {
  grpc::ChannelArguments args;
  args.SetInt("grpc.compression_enabled_algorithms_bitset", 1);  // identity alone
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetMaxReceiveMessageSize(-1);
  args.SetMaxSendMessageSize(-1);
  args.SetInt(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kMaxFrame);
  args.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kReadAhead);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20000);
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  if (!options.use_proxy) {
    args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  } else if (!options.proxy.empty()) {
    args.SetString("grpc.http_proxy", options.proxy);
  }
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (options.tls) {
    grpc::SslCredentialsOptions tls;
    std::string file = options.ca_file;
    if (file.empty()) {  // the same as libcurl's, so that both transports trust alike
      const auto* version = curl_version_info(CURLVERSION_NOW);
      file = version->cainfo == nullptr ? "" : version->cainfo;
    }
    if (!file.empty()) {
      ARROW_ASSIGN_OR_RAISE(tls.pem_root_certs, read_file(file));
    }
    credentials = grpc::SslCredentials(tls);
  }
  auto channel = std::make_unique<Channel>();
  channel->channel = grpc::CreateCustomChannel(options.target, credentials, args);
  channel->stub = std::make_unique<grpc::GenericStub>(channel->channel);
  channel->options = std::make_shared<const GrpcOptions>(std::move(options));
  channel->thread = std::thread([running = channel.get()] { running->run(); });
  return std::unique_ptr<GrpcLane>(new GrpcLane(std::move(channel)));
}

bool GrpcLane::broken() const {
  const auto state = channel_->channel->GetState(false);
  return state == GRPC_CHANNEL_TRANSIENT_FAILURE || state == GRPC_CHANNEL_SHUTDOWN;
}

std::unique_ptr<GrpcCall> GrpcLane::start(const char* method, const GrpcPayload& message,
                                          Milliseconds deadline) {
  auto state = std::make_shared<GrpcCall::State>();
  state->options = channel_->options;
  state->method = method;
  for (const auto& [name, value] : channel_->options->metadata) {
    state->context.AddMetadata(name, value);
  }
  if (deadline.count() > 0) {
    state->context.set_deadline(std::chrono::system_clock::now() + deadline);
  }
  const grpc::Slice slice = slice_of(message);
  const grpc::ByteBuffer request(&slice, 1);
  state->started = Clock::now();
  state->reader =
      channel_->stub->PrepareUnaryCall(&state->context, method, request, &channel_->queue);
  state->reader->StartCall();
  state->reader->Finish(&state->reply, &state->answer,
                        std::make_unique<std::shared_ptr<GrpcCall::State>>(state).release());
  return std::unique_ptr<GrpcCall>(new GrpcCall(std::move(state)));
}

Attempt GrpcLane::call(const char* method, const GrpcPayload& message, Milliseconds deadline,
                       const StopToken& stop, GrpcMessage* reply) {
  return start(method, message, deadline)->wait(stop, reply);
}

}  // namespace vecferry::remote
