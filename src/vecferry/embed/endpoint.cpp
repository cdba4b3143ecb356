#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "vecferry/embed/embedding_reply_internal.h"
#include "vecferry/embed/endpoint_internal.h"
#include "vecferry/embed/http_post_internal.h"

namespace vecferry {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

constexpr int kInFlight = 2;
constexpr Milliseconds kLongestDelay{20'000};
// A server that only ever says "later" is not waited for without end.
constexpr Milliseconds kLongestAskedFor = std::chrono::hours(1);
// Digits of a float64 with sign, exponent, comma and room for indentation.
constexpr size_t kMostBytesANumber = 48;

Status pause(Milliseconds length, const StopToken& stop) {
  constexpr Milliseconds kStep{50};
  const auto end = Clock::now() + length;
  for (;;) {
    ARROW_RETURN_NOT_OK(poll(stop));
    const auto left = end - Clock::now();
    if (left.count() <= 0) {
      return Status::OK();
    }
    std::this_thread::sleep_for(std::min<Clock::duration>(left, kStep));
  }
}

// Whether a request that failed is sent again, and the wait until then.
class Retry {
 public:
  explicit Retry(const EmbedderOptions& options)
      : give_up_after_(options.give_up_after), delay_(options.first_delay) {}

  Status again(const Status& failed, const std::optional<Milliseconds>& retry_after,
               const StopToken& stop) {
    if (!failure_of(failed).retryable) {
      return failed;
    }
    if (retry_after) {
      asked_for_ += *retry_after;
      return asked_for_ > kLongestAskedFor ? failed : pause(*retry_after, stop);
    }
    if (Clock::now() - since_ - asked_for_ >= give_up_after_) {
      return failed;
    }
    // Half of it is random, so that lanes which failed together do not come back together.
    std::uniform_int_distribution<Milliseconds::rep> part(delay_.count() / 2, delay_.count());
    const Milliseconds wait(part(random_));
    delay_ = std::min(delay_ * 2, kLongestDelay);
    return pause(wait, stop);
  }

 private:
  Milliseconds give_up_after_;
  Milliseconds delay_;
  Milliseconds asked_for_{0};  // waited because the server said so
  Clock::time_point since_ = Clock::now();
  std::minstd_rand random_{std::random_device()()};
};

Status refused_by_server(const PostReply& reply, bool has_key) {
  Failure failure{
      .kind = ErrorKind::kIncompatible,
      .what = fmt::format("the server answers {}: {}", reply.status, server_words(reply.body))};
  switch (reply.status) {
    case 401:
    case 403:
      failure.kind = ErrorKind::kRefused;
      failure.next = has_key ? "check the key in VECFERRY_EMBED_API_KEY or vecferry.toml"
                             : "put the key into VECFERRY_EMBED_API_KEY, or name its variable in "
                               "vecferry.toml ([embed] api_key_env)";
      break;
    case 404:
      failure.kind = ErrorKind::kNotFound;
      failure.next = "check --embed-url and --embed-model";
      break;
    case 408:
    case 425:
    case 429:
      failure.kind = ErrorKind::kUnavailable;
      failure.retryable = true;
      failure.next = "wait, or send fewer texts at once (--embed-batch); what is embedded is kept";
      break;
    default:
      if (reply.status >= 500) {
        failure.kind = ErrorKind::kUnavailable;
        failure.retryable = true;
        failure.next = "see the server's own log; what is embedded is kept";
      } else if (reply.status >= 300 && reply.status < 400) {
        failure.next = "the server is elsewhere: name its address as --embed-url";
      } else {
        failure.next =
            "see what the server says of the texts; --where or --embed-missing leave "
            "some out";
      }
  }
  return fail(std::move(failure));
}

class Endpoint : public Embedder {
 public:
  Endpoint(EmbedderOptions options, std::unique_ptr<HttpPost> http)
      : options_(std::move(options)),
        label_(fmt::format("{} at {}", options_.model, without_secrets(options_.url))),
        http_(std::move(http)) {}

  Result<std::vector<float>> embed(std::span<const std::string> texts, const StopToken& stop,
                                   std::optional<size_t>* refused) override {
    std::vector<float> vectors;
    vectors.reserve(texts.size() * options_.dim);
    for (size_t first = 0; first < texts.size();) {
      const auto some = texts.subspan(first, std::min(texts.size() - first, most_texts_.load()));
      const Status status = append_vectors(some, stop, &vectors, refused);
      if (!status.ok()) {
        if (refused->has_value()) {
          *refused = **refused + first;
        }
        return widen(status, without_secrets(options_.url));
      }
      first += some.size();
    }
    return vectors;
  }

  int in_flight() const override { return kInFlight; }
  std::string label() const override { return label_; }

 private:
  // One request; when the server does not take it, two of half the size: it may take no more at
  // once, which is remembered, or not one of the texts, which is found so.
  Status append_vectors(std::span<const std::string> texts, const StopToken& stop,
                        std::vector<float>* vectors, std::optional<size_t>* refused) {
    bool about_texts = false;
    const auto some = ask(texts, stop, &about_texts);
    if (some.ok()) {
      vectors->insert(vectors->end(), some->begin(), some->end());
      return Status::OK();
    }
    if (!about_texts) {
      return some.status();
    }
    if (texts.size() == 1) {
      *refused = 0;
      return some.status();
    }
    const size_t half = (texts.size() + 1) / 2;
    ARROW_RETURN_NOT_OK(append_vectors(texts.first(half), stop, vectors, refused));
    const Status status = append_vectors(texts.subspan(half), stop, vectors, refused);
    if (refused->has_value()) {
      *refused = **refused + half;
    }
    ARROW_RETURN_NOT_OK(status);
    most_texts_ = std::min(most_texts_.load(), half);
    return Status::OK();
  }

  // Until it is answered, or there is no more hope.
  Result<std::vector<float>> ask(std::span<const std::string> texts, const StopToken& stop,
                                 bool* about_texts) {
    const std::string request = embedding_request(options_.model, texts, options_.ask_base64);
    Retry retry(options_);
    for (;;) {
      std::optional<Milliseconds> retry_after;
      auto vectors = once(request, texts.size(), &retry_after, about_texts, stop);
      if (vectors.ok() || kind_of(vectors.status()) == ErrorKind::kCancelled) {
        return vectors;
      }
      ARROW_RETURN_NOT_OK(retry.again(vectors.status(), retry_after, stop));
    }
  }

  Result<std::vector<float>> once(const std::string& request, size_t texts,
                                  std::optional<Milliseconds>* retry_after, bool* about_texts,
                                  const StopToken& stop) {
    const size_t most_bytes = texts * options_.dim * kMostBytesANumber + (size_t{1} << 20);
    ARROW_ASSIGN_OR_RAISE(const auto reply,
                          http_->send(request, options_.timeout, most_bytes, stop));
    if (reply.status < 200 || reply.status >= 300) {
      *retry_after = reply.retry_after;
      *about_texts = reply.status == 400 || reply.status == 413 || reply.status == 422;
      return refused_by_server(reply, !options_.api_key.empty());
    }
    return parse_embedding_reply(reply.body, texts, options_.dim);
  }

  EmbedderOptions options_;
  std::string label_;
  std::unique_ptr<HttpPost> http_;
  std::atomic<size_t> most_texts_ = std::numeric_limits<size_t>::max();  // that it takes at once
};

}  // namespace

std::string embeddings_url(std::string_view url) {
  const size_t mark = url.find('?');
  const std::string_view query = mark == std::string_view::npos ? "" : url.substr(mark);
  std::string path(url.substr(0, mark));
  while (path.ends_with('/')) {
    path.pop_back();
  }
  if (!path.ends_with("/embeddings")) {
    path += path.ends_with("/v1") ? "/embeddings" : "/v1/embeddings";
  }
  return path.append(query);
}

std::string without_secrets(std::string_view url) {
  std::string shown(url.substr(0, url.find_first_of("?#")));
  const size_t scheme = shown.find("://");
  const size_t host = scheme == std::string::npos ? 0 : scheme + 3;
  const size_t at = shown.substr(0, shown.find('/', host)).rfind('@');
  if (at != std::string::npos && at >= host) {
    shown.erase(host, at + 1 - host);
  }
  return shown;
}

Result<std::unique_ptr<Embedder>> endpoint_embedder(const EmbedderOptions& options) {
  if (!options.url.starts_with("http://") && !options.url.starts_with("https://")) {
    return fail(
        {.kind = ErrorKind::kUsage,
         .what = fmt::format("'{}' is no address of a server", without_secrets(options.url)),
         .where = "--embed-url",
         .next = "write it like http://localhost:8080"});
  }
  ARROW_ASSIGN_OR_RAISE(
      auto http, HttpPost::make(embeddings_url(options.url), options.api_key, options.ca_file));
  return std::make_unique<Endpoint>(options, std::move(http));
}

}  // namespace vecferry
