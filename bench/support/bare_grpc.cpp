// The least that moves points over gRPC, to hold what we do against: it scrolls, and upserts what
// it scrolled, and looks at nothing. A reply's points become a request's by changing two tags in
// place.
//
//   bare_grpc scroll FROM COLLECTION LANES        read every point with its payload and vectors
//   bare_grpc upsert FROM TO COLLECTION LANES     read all first, then time the writing alone
//   bare_grpc copy FROM TO COLLECTION LANES       scroll and upsert, page by page
//
// FROM and TO are HOST:PORT of a Qdrant or of `vecferry serve`. TO gets the collection made anew,
// with FROM's vectors. Lanes read ranges of ids, cut at sampled quantiles; each has a channel of
// its own, compression is off, and writes are waited for. Prints one line of JSON.

#include <collections.pb.h>
#include <fmt/format.h>
#include <google/protobuf/message.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <points.pb.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr uint32_t kPage = 1000;

class Connection {
 public:
  explicit Connection(const std::string& address) : stub_(channel(address)) {}

  /// Throws what the server says instead of an answer.
  std::string call(const char* method, std::string_view request) {
    grpc::ClientContext context;
    const grpc::Slice slice(request.data(), request.size(), grpc::Slice::STATIC_SLICE);
    const grpc::ByteBuffer bytes(&slice, 1);
    grpc::ByteBuffer reply;
    grpc::Status status;
    const auto reader = stub_.PrepareUnaryCall(&context, method, bytes, &queue_);
    reader->StartCall();
    reader->Finish(&reply, &status, this);
    void* tag = nullptr;
    bool ok = false;
    if (!queue_.Next(&tag, &ok) || !status.ok()) {
      throw std::runtime_error(std::string(method) + ": " + status.error_message());
    }
    std::vector<grpc::Slice> slices;
    static_cast<void>(reply.Dump(&slices));
    std::string out;
    out.reserve(reply.Length());
    for (const auto& part : slices) {
      out.append(reinterpret_cast<const char*>(part.begin()), part.size());
    }
    return out;
  }

  template <typename Reply>
  Reply ask(const char* method, const google::protobuf::Message& request) {
    Reply reply;
    if (!reply.ParseFromString(call(method, request.SerializeAsString()))) {
      throw std::runtime_error(std::string(method) + ": an answer that is no message");
    }
    return reply;
  }

 private:
  static std::shared_ptr<grpc::Channel> channel(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt("grpc.compression_enabled_algorithms_bitset", 1);
    arguments.SetInt("grpc.use_local_subchannel_pool", 1);
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetMaxSendMessageSize(-1);
    return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  }

  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_{};
};

/// Text that sorts as a scroll does: numbers first, then UUIDs.
std::string key_of(const qdrant::PointId& id) {
  return id.has_uuid() ? "1" + id.uuid() : fmt::format("0{:020}", id.num());
}

struct Range {
  std::optional<qdrant::PointId> from{};
  std::string end{};  ///< key of the first id after it; empty: none
};

std::vector<Range> ranges_of(Connection* connection, const std::string& collection, size_t lanes) {
  qdrant::QueryPoints sample;
  sample.set_collection_name(collection);
  sample.mutable_query()->set_sample(qdrant::Random);
  sample.set_limit(lanes * 100);
  auto found = connection->ask<qdrant::QueryResponse>("/qdrant.Points/Query", sample);
  std::sort(found.mutable_result()->begin(), found.mutable_result()->end(),
            [](const auto& a, const auto& b) { return key_of(a.id()) < key_of(b.id()); });
  std::vector<Range> ranges(1);
  for (size_t lane = 1; lane < lanes && found.result_size() > 0; ++lane) {
    const auto& cut =
        found.result(static_cast<int>(lane * static_cast<size_t>(found.result_size()) / lanes))
            .id();
    ranges.back().end = key_of(cut);
    ranges.push_back({.from = cut});
  }
  return ranges;
}

struct Span {
  size_t begin = 0;
  size_t end = 0;
};

class Walk {
 public:
  Walk(std::string* bytes, Span span) : bytes_(*bytes), at_(span.begin), end_(span.end) {}

  bool next() {
    if (at_ >= end_) {
      return false;
    }
    tag_at_ = at_;
    const auto tag = static_cast<uint8_t>(bytes_[at_++]);
    field_ = tag >> 3U;
    size_t size = (tag & 7U) == 1 ? sizeof(uint64_t) : 0;
    if ((tag & 7U) == 0) {
      varint();
    } else if ((tag & 7U) == 2) {
      size = varint();
    }
    inner_ = {at_, at_ + size};
    at_ += size;
    return true;
  }
  unsigned field() const { return field_; }
  Span inner() const { return inner_; }
  Span whole() const { return {tag_at_, at_}; }
  /// Another field number for what was walked over, of the same type and below 16.
  void renumber(unsigned field) {
    bytes_[tag_at_] =
        static_cast<char>((field << 3U) | (static_cast<uint8_t>(bytes_[tag_at_]) & 7U));
  }

 private:
  size_t varint() {
    size_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<uint8_t>(bytes_.at(at_++));
      value |= size_t{byte & 0x7FU} << shift;
      if (byte < 0x80) {
        return value;
      }
    }
  }

  std::string& bytes_;
  size_t at_;
  size_t end_;
  size_t tag_at_ = 0;
  unsigned field_ = 0;
  Span inner_{};
};

struct Page {
  std::string bytes{};         ///< a ScrollResponse
  std::vector<Span> points{};  ///< field and message of each
  std::optional<qdrant::PointId> next{};
};

std::string key_of_point(Page* page, const Span& message) {
  for (Walk walk(&page->bytes, message); walk.next();) {
    if (walk.field() == 1) {
      qdrant::PointId id;
      id.ParseFromArray(page->bytes.data() + walk.inner().begin,
                        static_cast<int>(walk.inner().end - walk.inner().begin));
      return key_of(id);
    }
  }
  return {};
}

Page scroll(Connection* connection, const std::string& collection, const Range& range,
            const std::optional<qdrant::PointId>& offset) {
  qdrant::ScrollPoints request;
  request.set_collection_name(collection);
  request.set_limit(kPage);
  request.mutable_with_payload()->set_enable(true);
  request.mutable_with_vectors()->set_enable(true);
  if (offset) {
    *request.mutable_offset() = *offset;
  }
  Page page;
  page.bytes = connection->call("/qdrant.Points/Scroll", request.SerializeAsString());
  std::vector<Span> messages;
  for (Walk walk(&page.bytes, {0, page.bytes.size()}); walk.next();) {
    if (walk.field() == 1) {
      page.next.emplace().ParseFromArray(page.bytes.data() + walk.inner().begin,
                                         static_cast<int>(walk.inner().end - walk.inner().begin));
    } else if (walk.field() == 2) {
      page.points.push_back(walk.whole());
      messages.push_back(walk.inner());
    }
  }
  if (range.end.empty()) {
    return page;
  }
  while (!page.points.empty() && key_of_point(&page, messages.back()) >= range.end) {
    page.points.pop_back();
    messages.pop_back();
    page.next.reset();
  }
  if (page.next && key_of(*page.next) >= range.end) {
    page.next.reset();
  }
  return page;
}

std::string upsert_of(const std::string& collection, Page* page) {
  qdrant::UpsertPoints head;
  head.set_collection_name(collection);
  head.set_wait(true);
  std::string request = head.SerializeAsString();
  request.reserve(request.size() + page->bytes.size());
  constexpr unsigned kPoints = 3;   // UpsertPoints
  constexpr unsigned kPayload = 3;  // PointStruct; 2 of a RetrievedPoint
  for (const auto& point : page->points) {
    Walk whole(&page->bytes, point);
    whole.next();
    whole.renumber(kPoints);
    for (Walk walk(&page->bytes, whole.inner()); walk.next();) {
      if (walk.field() == 2) {
        walk.renumber(kPayload);
      }
    }
    request.append(page->bytes, point.begin, point.end - point.begin);
  }
  return request;
}

void make_target(Connection* from, Connection* to, const std::string& collection) {
  qdrant::GetCollectionInfoRequest ask;
  ask.set_collection_name(collection);
  const auto info = from->ask<qdrant::GetCollectionInfoResponse>("/qdrant.Collections/Get", ask);
  qdrant::DeleteCollection drop;
  drop.set_collection_name(collection);
  to->ask<qdrant::CollectionOperationResponse>("/qdrant.Collections/Delete", drop);
  qdrant::CreateCollection create;
  create.set_collection_name(collection);
  const auto& params = info.result().config().params();
  *create.mutable_vectors_config() = params.vectors_config();
  *create.mutable_sparse_vectors_config() = params.sparse_vectors_config();
  create.mutable_optimizers_config()->set_indexing_threshold(0);  // writing alone is measured
  to->ask<qdrant::CollectionOperationResponse>("/qdrant.Collections/Create", create);
}

struct Tally {
  std::atomic<uint64_t> points{0};
  std::atomic<uint64_t> bytes{0};

  void add(const Page& page) {
    points += page.points.size();
    bytes += page.bytes.size();
  }
};

/// Runs `work(lane)` in a thread a lane; the first failure ends the program.
template <typename Work>
double in_lanes(size_t lanes, const Work& work) {
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::jthread> threads;
  for (size_t lane = 0; lane < lanes; ++lane) {
    threads.emplace_back([lane, &work] {
      try {
        work(lane);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "bare_grpc: %s\n", error.what());
        std::_Exit(1);
      }
    });
  }
  threads.clear();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

template <typename Take>
void read_range(const std::string& from, const std::string& collection, const Range& range,
                const Take& take) {
  Connection connection(from);
  auto offset = range.from;
  do {
    Page page = scroll(&connection, collection, range, offset);
    offset = page.next;
    take(std::move(page));
  } while (offset);
}

void print(const std::string& what, size_t lanes, const Tally& tally, double seconds) {
  fmt::print(
      "{{\"what\":\"{}\",\"lanes\":{},\"points\":{},\"bytes\":{},\"seconds\":{:.3f},"
      "\"points_per_second\":{:.0f}}}\n",
      what, lanes, tally.points.load(), tally.bytes.load(), seconds,
      static_cast<double>(tally.points.load()) / seconds);
}

void run(const std::string& what, const std::string& from, const std::string& to,
         const std::string& collection, size_t lanes) {
  Connection source(from);
  const auto ranges = ranges_of(&source, collection, lanes);
  Tally tally;
  if (what == "scroll") {
    const double seconds = in_lanes(ranges.size(), [&](size_t lane) {
      read_range(from, collection, ranges[lane], [&](const Page& page) { tally.add(page); });
    });
    print(what, ranges.size(), tally, seconds);
    return;
  }
  Connection target(to);
  make_target(&source, &target, collection);
  if (what == "copy") {
    const double seconds = in_lanes(ranges.size(), [&](size_t lane) {
      Connection connection(to);
      read_range(from, collection, ranges[lane], [&](Page page) {
        tally.add(page);
        connection.call("/qdrant.Points/Upsert", upsert_of(collection, &page));
      });
    });
    print(what, ranges.size(), tally, seconds);
    return;
  }
  std::vector<std::vector<std::string>> requests(ranges.size());
  in_lanes(ranges.size(), [&](size_t lane) {
    read_range(from, collection, ranges[lane], [&](Page page) {
      tally.add(page);
      requests[lane].push_back(upsert_of(collection, &page));
    });
  });
  const double seconds = in_lanes(ranges.size(), [&](size_t lane) {
    Connection connection(to);
    for (const auto& request : requests[lane]) {
      connection.call("/qdrant.Points/Upsert", request);
    }
  });
  print(what, ranges.size(), tally, seconds);
}

int usage() {
  std::fputs(
      "usage: bare_grpc scroll FROM COLLECTION LANES\n"
      "       bare_grpc upsert|copy FROM TO COLLECTION LANES\n",
      stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    const bool scroll = words.size() == 4 && words[0] == "scroll";
    const bool write = words.size() == 5 && (words[0] == "upsert" || words[0] == "copy");
    const size_t lanes = words.empty() ? 0 : std::strtoul(words.back().c_str(), nullptr, 10);
    if ((!scroll && !write) || lanes == 0) {
      return usage();
    }
    run(words[0], words[1], scroll ? "" : words[2], words[words.size() - 2], lanes);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bare_grpc: %s\n", error.what());
    return 1;
  }
  return 0;
}
