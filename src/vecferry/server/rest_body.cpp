#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <zstd.h>

#include <charconv>
#include <fstream>
#include <memory>
#include <system_error>

#include "vecferry/server/rest_body_internal.h"

namespace vecferry::server {
namespace {

namespace fs = std::filesystem;

// The HTTP library would read what has no length until the client hangs up.
bool has_body(const httplib::Request& request) {
  return request.has_header("Content-Length") || request.has_header("Transfer-Encoding");
}

std::string too_large(int64_t max_bytes) {
  return fmt::format("JSON payload has exceeded limit ({} bytes).", max_bytes);
}

// The HTTP library unpacks gzip, deflate and brotli, but not this.
std::string unpack_zstd(int64_t max_bytes, std::string* body) {
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  const std::unique_ptr<ZSTD_DStream, Free> stream(ZSTD_createDStream());
  std::string out;
  std::string part(ZSTD_DStreamOutSize(), '\0');
  ZSTD_inBuffer in{body->data(), body->size(), 0};
  size_t left = 1;
  while (left != 0) {
    ZSTD_outBuffer unpacked{part.data(), part.size(), 0};
    left = ZSTD_decompressStream(stream.get(), &unpacked, &in);
    if (ZSTD_isError(left) != 0 || (left != 0 && in.pos == in.size && unpacked.pos == 0)) {
      return "Payload error: the body is not zstd";
    }
    out.append(part.data(), unpacked.pos);
    if (static_cast<int64_t>(out.size()) > max_bytes) {
      return too_large(max_bytes);
    }
  }
  *body = std::move(out);
  return {};
}

}  // namespace

std::string read_body(const httplib::Request& request, const httplib::ContentReader& reader,
                      int64_t max_bytes, std::string* body) {
  if (!has_body(request)) {
    return {};
  }
  const std::string length = request.get_header_value("Content-Length");
  int64_t declared = 0;
  std::from_chars(length.data(), length.data() + length.size(), declared);
  if (declared > max_bytes) {
    drain(reader, request);
    return fmt::format("JSON payload ({} bytes) is larger than allowed (limit: {} bytes).",
                       declared, max_bytes);
  }
  body->reserve(static_cast<size_t>(declared) + 64);  // a parser's padding
  bool full = false;
  const bool read = reader([&](const char* data, size_t size) {
    full = full || static_cast<int64_t>(body->size() + size) > max_bytes;
    if (!full) {
      body->append(data, size);
    }
    return true;  // the rest is read and thrown away
  });
  if (full) {
    return too_large(max_bytes);
  }
  if (!read) {
    return "Payload error: the body is cut short or not encoded as it says";
  }
  return request.get_header_value("Content-Encoding") == "zstd" ? unpack_zstd(max_bytes, body)
                                                                : std::string();
}

bool save_upload(const httplib::ContentReader& reader, const std::string& name,
                 const fs::path& file) {
  std::ofstream out;
  bool current = false;
  bool found = false;
  const bool read = reader(
      [&](const httplib::MultipartFormData& field) {
        current = field.name == name && !found;
        if (current) {
          found = true;
          out.open(file, std::ios::binary);
        }
        return true;
      },
      [&](const char* data, size_t size) {
        if (current) {
          out.write(data, static_cast<std::streamsize>(size));
        }
        return true;
      });
  out.close();
  return read && found && out.good();
}

void drain(const httplib::ContentReader& reader, const httplib::Request& request) {
  const auto ignore = [](const char* /*data*/, size_t /*size*/) { return true; };
  if (request.is_multipart_form_data()) {
    reader([](const httplib::MultipartFormData& /*field*/) { return true; }, ignore);
  } else if (has_body(request)) {
    reader(ignore);
  }
}

void end_idle_connections(int port) {
  std::error_code error;
  for (fs::directory_iterator next("/proc/self/fd", error);
       !error && next != fs::directory_iterator(); next.increment(error)) {
    int descriptor = -1;
    const std::string name = next->path().filename().string();
    std::from_chars(name.data(), name.data() + name.size(), descriptor);
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      continue;  // no socket
    }
    const bool v6 = address.ss_family == AF_INET6;
    if (!v6 && address.ss_family != AF_INET) {
      continue;
    }
    const auto ours = v6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                         : reinterpret_cast<const sockaddr_in&>(address).sin_port;
    if (ntohs(ours) == port) {
      static_cast<void>(::shutdown(descriptor, SHUT_RD));
    }
  }
}

}  // namespace vecferry::server
