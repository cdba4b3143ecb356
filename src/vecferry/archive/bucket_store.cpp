#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <mutex>

#include "arrow/buffer.h"
#include "arrow/filesystem/filesystem.h"
#include "arrow/io/interfaces.h"
#include "arrow/util/config.h"
#include "vecferry/archive/store_internal.h"

namespace vecferry::archived {
namespace {

namespace afs = arrow::fs;

// Arrow keeps S3 in a library of its own, which lies beside the first; it is loaded when it is
// needed, since it takes longer to start than most of our verbs take to run.
Status load_s3() {
  static std::once_flag once;
  static Status loaded;
  std::call_once(once, [] {
    if (const auto known = afs::FileSystemFromUri("s3://bucket"); known.ok()) {
      return;
    }
    Dl_info info{};
    if (dladdr(reinterpret_cast<void*>(&afs::LoadFileSystemFactories), &info) == 0) {
      loaded = Status::IOError("cannot find where Arrow lies");
      return;
    }
    const auto beside = std::filesystem::path(info.dli_fname).parent_path() /
                        fmt::format("libarrow_s3.so.{}", ARROW_SO_VERSION);
    loaded = afs::LoadFileSystemFactories(beside.c_str());
  });
  if (loaded.ok()) {
    return loaded;
  }
  return fail({.kind = ErrorKind::kIncompatible,
               .what = fmt::format("this build has no S3: {}", loaded.message()),
               .next = "install the package with Arrow's S3 library beside libarrow.so"});
}

bool says(const std::string& text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

// The service's own words, without those of Arrow around them.
std::string_view tail_of(std::string_view text, std::string_view mark) {
  const size_t at = text.find(mark);
  return at == std::string_view::npos ? text : text.substr(at + mark.size());
}

// Arrow gives the service's answer as text alone; here, once, it becomes a kind.
Status bucket_failure(const Status& status, const std::string& where) {
  const std::string text = status.message();
  Failure failure{.kind = ErrorKind::kIo,
                  .what = fmt::format("the service of the bucket: {}", text),
                  .where = where,
                  .next = "run it again; if it stays, look into the service's own log"};
  if (says(text, {"ACCESS_DENIED", "INVALID_ACCESS_KEY", "SIGNATURE_DOES_NOT_MATCH",
                  "INVALID_CLIENT_TOKEN", "AccessDenied", "HTTP status 403", "HTTP status 401",
                  "MISSING_AUTHENTICATION"})) {
    failure.kind = ErrorKind::kRefused;
    failure.what = fmt::format("the service refuses these credentials or what they may do: {}",
                               tail_of(text, "AWS Error "));
    failure.next =
        "check the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or the profile) and their "
        "rights on the bucket (list, get, put, delete)";
  } else if (says(text, {"NO_SUCH_BUCKET", "does not exist", "NoSuchBucket", "HTTP status 404",
                         "RESOURCE_NOT_FOUND"}) ||
             status.code() == arrow::StatusCode::KeyError) {
    failure.kind = ErrorKind::kNotFound;
    failure.what = fmt::format("no such bucket or file: {}", tail_of(text, "AWS Error "));
    failure.next = "check the name of the bucket; vecferry makes none";
  } else if (says(text, {"NETWORK_CONNECTION", "curlCode", "SLOW_DOWN", "SERVICE_UNAVAILABLE",
                         "REQUEST_TIMEOUT"})) {
    failure.kind = ErrorKind::kUnavailable;
    failure.what = fmt::format("the service of the bucket does not answer: {}",
                               tail_of(tail_of(text, "AWS Error "), "Details: "));
    failure.next = "check the address (AWS_ENDPOINT_URL) and the network, then run it again";
    failure.retryable = true;
  }
  return fail(std::move(failure));
}

// Of its own accord Google's client tries for a quarter of an hour.
std::string with_patience(const std::string& uri) {
  constexpr std::string_view kOption = "retry_limit_seconds=";
  const bool google = uri.starts_with("gs://") || uri.starts_with("gcs://");
  if (!google || uri.find(kOption) != std::string::npos) {
    return uri;
  }
  return fmt::format("{}{}{}30", uri, uri.find('?') == std::string::npos ? '?' : '&', kOption);
}

class BucketFileWriter : public StoredFileWriter {
 public:
  BucketFileWriter(std::shared_ptr<arrow::io::OutputStream> stream, std::string where)
      : stream_(std::move(stream)), where_(std::move(where)) {}

  ~BucketFileWriter() override {
    if (stream_ != nullptr) {
      discard(stream_->Abort(), "nothing is to be seen of a stream that was not closed");
    }
  }

  Status write(std::string_view bytes) override {
    const Status written = stream_->Write(bytes.data(), static_cast<int64_t>(bytes.size()));
    return written.ok() ? written : bucket_failure(written, where_);
  }

  Status close() override {
    const Status closed = stream_->Close();
    stream_.reset();
    return closed.ok() ? closed : bucket_failure(closed, where_);
  }

 private:
  std::shared_ptr<arrow::io::OutputStream> stream_;  // null: closed
  std::string where_;
};

class BucketStore : public ArchiveStore {
 public:
  BucketStore(std::shared_ptr<afs::FileSystem> files, std::string root, std::string label)
      : files_(std::move(files)), root_(std::move(root)), label_(std::move(label)) {}

  Result<std::shared_ptr<arrow::Buffer>> get(const std::string& path) const override {
    ARROW_ASSIGN_OR_RAISE(const auto file, open_file(path));
    const auto read = [&]() -> Result<std::shared_ptr<arrow::Buffer>> {
      ARROW_ASSIGN_OR_RAISE(const int64_t size, file->GetSize());
      return file->ReadAt(0, size);
    }();
    return read.ok() ? read : Result<std::shared_ptr<arrow::Buffer>>(failure(read.status(), path));
  }

  Result<std::shared_ptr<arrow::io::RandomAccessFile>> open_file(
      const std::string& path) const override {
    auto opened = files_->OpenInputFile(full(path));
    if (opened.ok()) {
      return opened;
    }
    const auto info = files_->GetFileInfo(full(path));
    if (info.ok() && info->type() == afs::FileType::NotFound) {
      return missing(path);
    }
    return failure(opened.status(), path);
  }

  Status put(const std::string& path, std::string_view bytes, IfThere if_there) override {
    if (if_there == IfThere::kRefuse) {
      const auto info = files_->GetFileInfo(full(path));
      if (!info.ok()) {
        return failure(info.status(), path);
      }
      if (info->type() != afs::FileType::NotFound) {
        return fail({.kind = ErrorKind::kExists,
                     .what = fmt::format("'{}' exists already", path),
                     .where = label_});
      }
    }
    ARROW_ASSIGN_OR_RAISE(const auto file, begin(path));
    ARROW_RETURN_NOT_OK(file->write(bytes));
    return file->close();
  }

  Result<std::unique_ptr<StoredFileWriter>> begin(const std::string& path) override {
    auto stream = files_->OpenOutputStream(full(path));
    if (!stream.ok()) {
      return failure(stream.status(), path);
    }
    return std::make_unique<BucketFileWriter>(*std::move(stream), label_ + "/" + path);
  }

  Result<std::vector<StoredFile>> list(const std::string& prefix) const override {
    afs::FileSelector below;
    below.base_dir = full(prefix);
    while (!below.base_dir.empty() && below.base_dir.back() == '/') {
      below.base_dir.pop_back();
    }
    below.recursive = true;
    below.allow_not_found = true;
    const auto found = files_->GetFileInfo(below);
    if (!found.ok()) {
      return failure(found.status(), prefix);
    }
    std::vector<StoredFile> files;
    for (const auto& info : *found) {
      if (info.type() == afs::FileType::File) {
        files.push_back({.path = info.path().substr(root_.size()),
                         .bytes = static_cast<uint64_t>(std::max<int64_t>(0, info.size()))});
      }
    }
    std::sort(files.begin(), files.end(),
              [](const StoredFile& a, const StoredFile& b) { return a.path < b.path; });
    return files;
  }

  Status remove(const std::string& path) override {
    const Status removed = files_->DeleteFile(full(path));
    if (removed.ok()) {
      return removed;
    }
    const auto info = files_->GetFileInfo(full(path));
    return info.ok() && info->type() == afs::FileType::NotFound ? missing(path)
                                                                : failure(removed, path);
  }

  // A service drops what was never completed.
  Status remove_half_written() override { return Status::OK(); }

 private:
  std::string full(const std::string& path) const { return root_ + path; }
  Status missing(const std::string& path) const {
    return fail({.kind = ErrorKind::kNotFound,
                 .what = fmt::format("no file '{}' in the archive", path),
                 .where = label_});
  }
  Status failure(const Status& status, const std::string& path) const {
    return bucket_failure(status, path.empty() ? label_ : label_ + "/" + path);
  }

  std::shared_ptr<afs::FileSystem> files_;
  std::string root_;  // "bucket/prefix/"
  std::string label_;
};

}  // namespace

Result<std::shared_ptr<ArchiveStore>> open_bucket(const std::string& uri) {
  const std::string label = uri.substr(0, uri.find('?'));
  if (uri.starts_with("s3://")) {
    ARROW_RETURN_NOT_OK(load_s3());
  }
  std::string root;
  auto files = afs::FileSystemFromUri(with_patience(uri), &root);
  if (!files.ok()) {
    Failure failure{
        .kind = ErrorKind::kUsage,
        .what = fmt::format("'{}' cannot be opened: {}", label, files.status().message()),
        .where = label};
    return fail(std::move(failure));
  }
  const auto info = (*files)->GetFileInfo(root.substr(0, root.find('/')));
  if (!info.ok()) {
    return bucket_failure(info.status(), label);
  }
  if (info->type() == afs::FileType::NotFound) {
    return fail({.kind = ErrorKind::kNotFound,
                 .what = fmt::format("no bucket '{}'", root.substr(0, root.find('/'))),
                 .where = label,
                 .next = "check its name; vecferry makes none"});
  }
  if (!root.empty() && root.back() != '/') {
    root += '/';
  }
  return std::make_shared<BucketStore>(*std::move(files), std::move(root), label);
}

}  // namespace vecferry::archived

namespace vecferry {

Result<std::shared_ptr<ArchiveStore>> ArchiveStore::open(const std::string& address, bool create) {
  return address.find("://") == std::string::npos ? archived::open_folder(address, create)
                                                  : archived::open_bucket(address);
}

}  // namespace vecferry
