#include <fmt/format.h>

#include <array>
#include <charconv>

#include "vecferry/backends/qdrant/endpoint_internal.h"

namespace vecferry {

std::string_view to_string(Transport transport) {
  switch (transport) {
    case Transport::kGrpc:
      return "grpc";
    case Transport::kRest:
      return "rest";
    case Transport::kAuto:
      break;
  }
  return "auto";
}

std::optional<Transport> parse_transport(std::string_view text) {
  for (const auto transport : {Transport::kAuto, Transport::kGrpc, Transport::kRest}) {
    if (text == to_string(transport)) {
      return transport;
    }
  }
  return std::nullopt;
}

std::string_view to_string(WriteOrdering ordering) {
  switch (ordering) {
    case WriteOrdering::kMedium:
      return "medium";
    case WriteOrdering::kStrong:
      return "strong";
    case WriteOrdering::kWeak:
      break;
  }
  return "weak";
}

std::optional<WriteOrdering> parse_write_ordering(std::string_view text) {
  for (const auto ordering :
       {WriteOrdering::kWeak, WriteOrdering::kMedium, WriteOrdering::kStrong}) {
    if (text == to_string(ordering)) {
      return ordering;
    }
  }
  return std::nullopt;
}

}  // namespace vecferry

namespace vecferry::remote {
namespace {

constexpr int kRestPort = 6333;

struct Scheme {
  std::string_view prefix;
  bool tls;
  bool names_grpc;  // the port in the address is gRPC's
};
constexpr std::array<Scheme, 4> kSchemes = {{{"http://", false, false},
                                             {"https://", true, false},
                                             {"qdrant://", false, true},
                                             {"qdrants://", true, true}}};

Status not_an_address(std::string_view url, std::string_view why) {
  return fail({.kind = ErrorKind::kUsage,
               .what = fmt::format("'{}' is not the address of a server: {}", url, why),
               .next = "write it like http://host:6333 or https://host:6333"});
}

struct HostPort {
  std::string host{};  // an IPv6 address keeps its brackets
  int port = 0;        // 0: not said
};

Result<HostPort> parse_host(std::string_view text, std::string_view url) {
  const size_t bracket = text.find(']');
  const size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  HostPort found{.host = std::string(text.substr(0, colon))};
  if (colon != std::string_view::npos) {
    const auto digits = text.substr(colon + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), found.port);
    if (error != std::errc() || end != digits.data() + digits.size() || found.port < 1 ||
        found.port > 65535) {
      return not_an_address(url, fmt::format("no port '{}'", digits));
    }
  }
  if (found.host.empty() || found.host.find_first_of(" \t\"'<>\\") != std::string::npos) {
    return not_an_address(url, "no host");
  }
  return found;
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "[::1]" || host.rfind("127.", 0) == 0;
}

}  // namespace

Result<Endpoint> endpoint_of(const QdrantOptions& options) {
  std::string_view rest = options.url;
  while (rest.size() > 1 && rest.back() == '/') {
    rest.remove_suffix(1);
  }
  Endpoint endpoint{.place = std::string(rest)};
  const Scheme* scheme = nullptr;
  for (const auto& candidate : kSchemes) {
    if (rest.substr(0, candidate.prefix.size()) == candidate.prefix) {
      scheme = &candidate;
    }
  }
  if (scheme == nullptr) {
    return not_an_address(options.url, "it begins with none of http, https, qdrant, qdrants");
  }
  rest.remove_prefix(scheme->prefix.size());
  const size_t slash = rest.find('/');
  const auto authority = rest.substr(0, slash);
  const std::string prefix(slash == std::string_view::npos ? "" : rest.substr(slash));
  if (authority.find('@') != std::string_view::npos) {
    return fail(
        {.kind = ErrorKind::kUsage,
         .what = "an address holds no names and passwords",
         .next = "put the key into QDRANT_API_KEY, or into a file that vecferry.toml names"});
  }
  if (prefix.find_first_of("?#") != std::string::npos) {
    return not_an_address(options.url, "it goes on after the path");
  }
  ARROW_ASSIGN_OR_RAISE(const auto named, parse_host(authority, options.url));
  int rest_port = named.port == 0 ? kRestPort : named.port;
  if (scheme->names_grpc && named.port != 0) {
    rest_port = named.port - 1;
  }
  endpoint.tls = scheme->tls;
  endpoint.loopback = is_loopback(named.host);
  endpoint.rest_url =
      fmt::format("{}://{}:{}{}", scheme->tls ? "https" : "http", named.host, rest_port, prefix);
  endpoint.grpc_target = fmt::format("{}:{}", named.host, rest_port + 1);
  if (!options.grpc_url.empty()) {
    std::string_view text = options.grpc_url;
    if (const size_t end = text.find("://"); end != std::string_view::npos) {
      text.remove_prefix(end + 3);
    }
    ARROW_ASSIGN_OR_RAISE(const auto other, parse_host(text, options.grpc_url));
    endpoint.grpc_target =
        fmt::format("{}:{}", other.host, other.port == 0 ? kRestPort + 1 : other.port);
  }
  return endpoint;
}

}  // namespace vecferry::remote
