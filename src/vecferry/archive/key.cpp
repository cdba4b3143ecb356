#include "vecferry/archive/key.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <array>
#include <charconv>

#include "vecferry/base/durable_file.h"

namespace vecferry {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kHexDigits = 2 * kKeyBytes;
constexpr size_t kBase64Letters = 44;  // with the padding that 32 bytes need
constexpr std::string_view kBlanks = " \t\r\n";

Status no_key(const std::string& where) {
  return fail({.kind = ErrorKind::kUsage,
               .what = "this is no key: 64 hex digits, or 32 bytes in base64, are needed",
               .where = where,
               .next = "make one: openssl rand -hex 32 > archive.key"});
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  return first == std::string_view::npos
             ? std::string_view()
             : text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool from_hex(std::string_view text, std::string* bytes) {
  for (size_t i = 0; i < text.size(); i += 2) {
    unsigned value = 0;
    const auto* end = text.data() + i + 2;
    if (std::from_chars(text.data() + i, end, value, 16).ptr != end) {
      return false;
    }
    bytes->push_back(static_cast<char>(value));
  }
  return true;
}

bool from_base64(std::string_view text, std::string* bytes) {
  std::array<unsigned char, kBase64Letters> decoded{};
  const int size =
      EVP_DecodeBlock(decoded.data(), reinterpret_cast<const unsigned char*>(text.data()),
                      static_cast<int>(text.size()));
  // 33 with the zero that the padding stands for; OpenSSL takes padding anywhere.
  const bool good = size == static_cast<int>(kKeyBytes) + 1 && text.find('=') == text.size() - 1;
  if (good) {
    bytes->assign(reinterpret_cast<const char*>(decoded.data()), kKeyBytes);
  }
  OPENSSL_cleanse(decoded.data(), decoded.size());
  return good;
}

}  // namespace

Result<ArchiveKey> ArchiveKey::parse(std::string_view text, const std::string& where) {
  const std::string_view key = trimmed(text);
  std::string bytes;
  bytes.reserve(kKeyBytes);
  const bool good = (key.size() == kHexDigits && from_hex(key, &bytes)) ||
                    (key.size() == kBase64Letters && from_base64(key, &bytes));
  if (!good) {
    OPENSSL_cleanse(bytes.data(), bytes.size());
    return no_key(where);
  }
  return ArchiveKey(arrow::util::SecureString(std::move(bytes)));
}

Result<ArchiveKey> ArchiveKey::read(const std::filesystem::path& file) {
  auto text = read_file(file);
  if (!text.ok()) {
    return kind_of(text.status()) == ErrorKind::kNotFound
               ? fail({.kind = ErrorKind::kUsage,
                       .what = fmt::format("no key file '{}'", file.string()),
                       .where = file.string(),
                       .next = "check the path"})
               : text.status();
  }
  auto key = parse(*text, file.string());
  OPENSSL_cleanse(text->data(), text->size());
  return key;
}

Result<ArchiveKey> ArchiveKey::derive(std::string_view archive_id, KeyUse use) const {
  const std::string_view info =
      use == KeyUse::kManifest ? "vecferry manifest v1" : "vecferry segment v1";
  const auto secret = bytes_.as_span();
  std::string derived(kKeyBytes, '\0');
  size_t size = derived.size();
  const auto as_bytes = [](std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  };
  const std::unique_ptr<EVP_PKEY_CTX, void (*)(EVP_PKEY_CTX*)> context(
      EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr), EVP_PKEY_CTX_free);
  const bool done =
      context != nullptr && EVP_PKEY_derive_init(context.get()) > 0 &&
      EVP_PKEY_CTX_set_hkdf_md(context.get(), EVP_sha256()) > 0 &&
      EVP_PKEY_CTX_set1_hkdf_salt(context.get(), as_bytes(archive_id),
                                  static_cast<int>(archive_id.size())) > 0 &&
      EVP_PKEY_CTX_set1_hkdf_key(context.get(), secret.data(), static_cast<int>(secret.size())) >
          0 &&
      EVP_PKEY_CTX_add1_hkdf_info(context.get(), as_bytes(info), static_cast<int>(info.size())) >
          0 &&
      EVP_PKEY_derive(context.get(), reinterpret_cast<unsigned char*>(derived.data()), &size) > 0;
  if (!done || size != kKeyBytes) {
    return fail({.kind = ErrorKind::kInternal, .what = "cannot derive the keys of the archive"});
  }
  return ArchiveKey(arrow::util::SecureString(std::move(derived)));
}

bool is_open_to_others(const std::filesystem::path& file) {
  using std::filesystem::perms;
  std::error_code error;
  const auto rights = std::filesystem::status(file, error).permissions();
  return !error && (rights & (perms::group_read | perms::others_read)) != perms::none;
}

}  // namespace vecferry
