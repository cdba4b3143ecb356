#include "vecferry/wire/server_errors.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <charconv>

#include "vecferry/wire/payload_value_internal.h"

namespace vecferry::wire {
namespace {

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Long answers (a page of some proxy) are cut: a message is one line.
std::string one_line(std::string_view text) {
  constexpr size_t kMost = 500;
  std::string line(text.substr(0, kMost));
  for (char& c : line) {
    c = static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return text.size() > kMost ? line + "…" : line;
}

// `status.error` of the envelope, else the body as it is.
std::string words_of(std::string_view body) {
  simdjson::dom::parser parser;
  std::string_view error;
  if (!body.empty() && body.front() == '{' &&
      parser.parse(simdjson::padded_string(body)).at_pointer("/status/error").get(error) ==
          simdjson::SUCCESS) {
    return one_line(error);
  }
  return one_line(body);
}

std::optional<std::chrono::milliseconds> delay_of(std::string_view seconds) {
  double value = 0;
  const auto [stop, error] =
      std::from_chars(seconds.data(), seconds.data() + seconds.size(), value);
  if (error != std::errc() || stop == seconds.data() || !(value >= 0 && value < 1e6)) {
    return std::nullopt;
  }
  return std::chrono::milliseconds(static_cast<int64_t>(value * 1000));
}

constexpr std::string_view kCheckKey = "check the API key and what it allows";

// A request that the server looked at and did not take.
ServerFailure not_taken(std::string words, std::string_view where) {
  ServerFailure result;
  result.failure = {
      .kind = ErrorKind::kRefused, .what = std::move(words), .where = std::string(where)};
  auto& failure = result.failure;
  const std::string& what = failure.what;
  if (has(what, "is larger than allowed") || has(what, "has exceeded limit")) {
    result.too_large = true;
    failure.next = "send smaller batches";
  } else if (has(what, "\"upsert limit\"")) {  // strict mode: so many points a request
    result.too_large = true;
    failure.next = "send smaller batches, or raise upsert_max_batchsize of the collection";
  } else if (has(what, "Vector dimension error") || has(what, "Not existing vector name error") ||
             has(what, "Conversion between")) {
    failure.kind = ErrorKind::kIncompatible;
    failure.next = "compare `vecferry info` of both sides";
  } else if (has(what, "Help:")) {
    failure.next = "the collection's strict mode forbids it; see `vecferry info`";
  }
  return result;
}

ServerFailure of_kind(ErrorKind kind, std::string words, std::string_view where,
                      std::string_view next = {}, bool retryable = false) {
  ServerFailure result;
  result.failure = {.kind = kind,
                    .what = std::move(words),
                    .where = std::string(where),
                    .next = std::string(next),
                    .retryable = retryable};
  return result;
}

// Too many requests. Without a delay the request alone is over the budget: it never fits.
ServerFailure limited(std::string words, std::string_view where, std::string_view retry_after) {
  const auto delay = delay_of(retry_after);
  auto result = of_kind(delay ? ErrorKind::kUnavailable : ErrorKind::kRefused, std::move(words),
                        where, "lower the rate with --max-points-per-second", delay.has_value());
  result.retry_after = delay;
  result.too_large = !delay;
  return result;
}

// A panic comes back with every repetition; other internal errors mostly do not, such as a replica
// that is just starting. The write may have happened: what we write may be repeated.
ServerFailure server_fault(std::string words, std::string_view where) {
  const bool panic = has(words, "panicked");
  return of_kind(panic ? ErrorKind::kRefused : ErrorKind::kUnavailable, std::move(words), where,
                 "see the server's log", !panic);
}

}  // namespace

ServerFailure rest_failure(const RestAnswer& answer, std::string_view where) {
  std::string words = words_of(answer.body);
  if (words.empty()) {
    words = fmt::format("the server answered {} without a word", answer.status);
  }
  switch (answer.status) {
    case 400:
    case 415:
    case 422:
      return not_taken(std::move(words), where);
    case 401:
    case 403:
      return of_kind(ErrorKind::kRefused, std::move(words), where, kCheckKey);
    case 404:
      return answer.body.empty()
                 ? of_kind(ErrorKind::kIncompatible, "the server does not know this route", where,
                           "check the address, and the server's version with `vecferry doctor`")
                 : of_kind(ErrorKind::kNotFound, std::move(words), where);
    case 405:
    case 501:
      return of_kind(ErrorKind::kIncompatible, std::move(words), where);
    case 408:
      return of_kind(ErrorKind::kTimeout, std::move(words), where, {}, true);
    case 409:
      return of_kind(ErrorKind::kExists, std::move(words), where);
    case 413: {
      auto result = not_taken(std::move(words), where);
      result.too_large = true;
      return result;
    }
    case 429:
      return limited(std::move(words), where, answer.retry_after);
    case 502:
    case 503:
    case 504: {
      auto result = of_kind(ErrorKind::kUnavailable, std::move(words), where,
                            "often said by a proxy or balancer between: check that the server runs "
                            "and is reached from there",
                            true);
      result.retry_after = delay_of(answer.retry_after);
      return result;
    }
    case 507:
      return of_kind(ErrorKind::kRefused, std::move(words), where,
                     "free storage on the server or raise its quota");
    default:
      break;
  }
  if (answer.status >= 500) {
    return server_fault(std::move(words), where);
  }
  return of_kind(ErrorKind::kIncompatible,
                 fmt::format("unexpected HTTP status {}: {}", answer.status, words), where,
                 "check that the address is a Qdrant REST port");
}

ServerFailure grpc_failure(const GrpcAnswer& answer, std::string_view where) {
  std::string words = one_line(answer.message);
  if (words.empty()) {
    words = fmt::format("the server answered with gRPC code {} without a word", answer.code);
  }
  switch (answer.code) {
    case 1:
      return of_kind(ErrorKind::kCancelled, std::move(words), where);
    case 3:
    case 11:
      return not_taken(std::move(words), where);
    case 4:
      return of_kind(ErrorKind::kTimeout, std::move(words), where, {}, true);
    case 5:
      return of_kind(ErrorKind::kNotFound, std::move(words), where);
    case 6:
      return of_kind(ErrorKind::kExists, std::move(words), where);
    case 7:
    case 16:
      return of_kind(ErrorKind::kRefused, std::move(words), where, kCheckKey);
    case 8:
      if (answer.insufficient_storage) {
        return of_kind(ErrorKind::kRefused, std::move(words), where,
                       "free storage on the server or raise its quota");
      }
      return limited(std::move(words), where, answer.retry_after);
    case 9:
      return of_kind(ErrorKind::kConflict, std::move(words), where);
    case 10:
    case 14: {
      auto result = of_kind(ErrorKind::kUnavailable, std::move(words), where, {}, true);
      result.retry_after = delay_of(answer.retry_after);
      return result;
    }
    case 12:
      return of_kind(ErrorKind::kIncompatible, std::move(words), where,
                     "check the server's version with `vecferry doctor`");
    case 13:
      return server_fault(std::move(words), where);
    case 15:
      return of_kind(ErrorKind::kCorrupt, std::move(words), where);
    default:
      return of_kind(ErrorKind::kInternal, std::move(words), where);
  }
}

Result<std::string> result_of(std::string_view body) {
  simdjson::ondemand::parser parser;
  const simdjson::padded_string padded(body);
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (parser.iterate(padded).get(document) == simdjson::SUCCESS &&
      document.get_object().get(object) == simdjson::SUCCESS) {
    for (auto next : object) {
      simdjson::ondemand::field field;
      std::string_view key;
      if (std::move(next).get(field) != simdjson::SUCCESS ||
          field.unescaped_key().get(key) != simdjson::SUCCESS) {
        break;
      }
      if (key != "result") {
        continue;
      }
      std::string_view text;
      if (simdjson::to_json_string(field.value()).get(text) == simdjson::SUCCESS) {
        const size_t last = text.find_last_not_of(" \t\r\n");
        return std::string(text.substr(0, last + 1));
      }
      break;
    }
  }
  return fail({.kind = ErrorKind::kCorrupt,
               .what = "not a Qdrant reply: no 'result' in it",
               .next = "check that the address is a Qdrant REST port"});
}

int http_status_of(const Failure& failure) {
  switch (failure.kind) {
    case ErrorKind::kUsage:
      return failure.what.rfind("Validation error", 0) == 0 ? 422 : 400;
    case ErrorKind::kIncompatible:
      return 400;
    case ErrorKind::kRefused:
      return 403;
    case ErrorKind::kNotFound:
      return 404;
    case ErrorKind::kTimeout:
      return 408;
    case ErrorKind::kExists:
    case ErrorKind::kConflict:
      return 409;
    case ErrorKind::kUnavailable:
    case ErrorKind::kCancelled:
      return 503;
    case ErrorKind::kCorrupt:
    case ErrorKind::kIo:
    case ErrorKind::kInternal:
      break;
  }
  return 500;
}

int grpc_code_of(const Failure& failure) {
  switch (failure.kind) {
    case ErrorKind::kCancelled:
      return 1;
    case ErrorKind::kUsage:
    case ErrorKind::kIncompatible:
      return 3;
    case ErrorKind::kTimeout:
      return 4;
    case ErrorKind::kNotFound:
      return 5;
    case ErrorKind::kExists:
      return 6;
    case ErrorKind::kRefused:
      return 7;
    case ErrorKind::kConflict:
      return 9;
    case ErrorKind::kUnavailable:
      return 14;
    case ErrorKind::kCorrupt:
      return 15;
    case ErrorKind::kIo:
    case ErrorKind::kInternal:
      break;
  }
  return 13;
}

std::string ok_body(std::string_view result_json, double seconds) {
  return fmt::format(R"({{"result":{},"status":"ok","time":{}}})", result_json, seconds);
}

std::string error_body(std::string_view what, double seconds) {
  std::string text;
  append_json_string(what, &text);
  return fmt::format(R"({{"status":{{"error":{}}},"time":{}}})", text, seconds);
}

}  // namespace vecferry::wire
