#include "vecferry/server/download.h"

#include <fmt/format.h>
#include <httplib.h>

#include <fstream>

#include "vecferry/server/words.h"

namespace vecferry::server {
namespace {

constexpr time_t kPatienceSeconds = 300;  // between two parts of the answer

Status no_answer(const std::string& url, httplib::Error error) {
  return fail(
      {.what = fmt::format(
           "Service internal error: Http request error: error sending request for url ({}): {}",
           url, httplib::to_string(error))});
}

}  // namespace

Status download(const std::string& url, const std::string& api_key,
                const std::filesystem::path& file) {
  const size_t host = url.find("://") + 3;
  const size_t path = std::min(url.find('/', host), url.size());
  httplib::Client client(url.substr(0, path));
  if (!client.is_valid()) {
    return wrong_input(fmt::format("Invalid snapshot URL: {}", url));
  }
  client.set_read_timeout(kPatienceSeconds);
  client.set_url_encode(false);  // it is encoded
  httplib::Headers headers;
  if (!api_key.empty()) {
    headers.emplace("api-key", api_key);
  }
  std::ofstream out(file, std::ios::binary);
  int status = 0;
  std::string reason;
  const auto result = client.Get(
      path == url.size() ? "/" : url.substr(path), headers,
      [&](const httplib::Response& response) {
        status = response.status;
        reason = response.reason;
        return true;
      },
      [&](const char* data, size_t size) {
        out.write(data, static_cast<std::streamsize>(size));
        return out.good();
      });
  out.close();
  if (status != 0 && status != 200) {
    return wrong_input(
        fmt::format("Failed to download tar from {}: status - {} {}", url, status, reason));
  }
  if (!out) {
    return fail({.kind = ErrorKind::kIo,
                 .what = fmt::format("Service internal error: cannot write '{}'", file.string()),
                 .next = "check space (`df -h`) there"});
  }
  return result ? Status::OK() : no_answer(url, result.error());
}

}  // namespace vecferry::server
