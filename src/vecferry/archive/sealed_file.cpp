#include "vecferry/archive/sealed_file.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>

#include "vecferry/base/sha256.h"

namespace vecferry {
namespace {

constexpr std::string_view kMagic = "VFSEAL1\n";
constexpr std::string_view kTrailerBegin = ",\n \"sha256\": \"";
constexpr std::string_view kTrailerEnd = "\"\n}\n";
constexpr size_t kHexDigits = 64;
constexpr size_t kTrailer = kTrailerBegin.size() + kHexDigits + kTrailerEnd.size();
constexpr size_t kNonce = 12;
constexpr size_t kTag = 16;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)>;

Cipher new_cipher() {
  return {EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free};
}

const unsigned char* in(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* out(std::string& text, size_t offset) {
  return reinterpret_cast<unsigned char*>(text.data() + offset);
}

std::string hash_of(std::string_view text) {
  Sha256 hash;
  hash.add(text);
  return hash.hex();
}

Status damaged(std::string_view path) {
  return fail(
      {.kind = ErrorKind::kCorrupt,
       .what = fmt::format("'{}' is damaged: its bytes are not those that were written", path),
       .where = std::string(path),
       .next = "take the file from a copy of the archive, or name another backup"});
}

Status no_cipher() {
  return fail({.kind = ErrorKind::kInternal, .what = "cannot encrypt with AES-256-GCM"});
}

Result<std::string> encrypted(std::string_view json, const ArchiveKey& key, std::string_view path) {
  std::string sealed(kMagic);
  sealed.resize(kMagic.size() + kNonce + json.size() + kTag);
  if (RAND_bytes(out(sealed, kMagic.size()), kNonce) != 1) {
    return no_cipher();
  }
  const auto cipher = new_cipher();
  const size_t body = kMagic.size() + kNonce;
  int size = 0;
  int rest = 0;
  const bool done =
      EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.bytes().as_span().data(),
                         out(sealed, kMagic.size())) == 1 &&
      EVP_EncryptUpdate(cipher.get(), nullptr, &size, in(path), static_cast<int>(path.size())) ==
          1 &&
      EVP_EncryptUpdate(cipher.get(), out(sealed, body), &size, in(json),
                        static_cast<int>(json.size())) == 1 &&
      EVP_EncryptFinal_ex(cipher.get(), out(sealed, body + static_cast<size_t>(size)), &rest) ==
          1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTag,
                          out(sealed, body + json.size())) == 1;
  return done ? Result<std::string>(std::move(sealed)) : Result<std::string>(no_cipher());
}

Result<std::string> decrypted(std::string_view bytes, const ArchiveKey& key,
                              std::string_view path) {
  if (bytes.size() < kMagic.size() + kNonce + kTag) {
    return damaged(path);
  }
  const std::string_view nonce = bytes.substr(kMagic.size(), kNonce);
  const std::string_view body =
      bytes.substr(kMagic.size() + kNonce, bytes.size() - kMagic.size() - kNonce - kTag);
  std::string tag(bytes.substr(bytes.size() - kTag));
  std::string json(body.size(), '\0');
  const auto cipher = new_cipher();
  int size = 0;
  int rest = 0;
  const bool done =
      EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.bytes().as_span().data(),
                         in(nonce)) == 1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &size, in(path), static_cast<int>(path.size())) ==
          1 &&
      EVP_DecryptUpdate(cipher.get(), out(json, 0), &size, in(body),
                        static_cast<int>(body.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), out(json, static_cast<size_t>(size)), &rest) == 1;
  return done ? Result<std::string>(std::move(json)) : Result<std::string>(damaged(path));
}

}  // namespace

Result<std::string> seal(std::string_view json, const ArchiveKey* key, std::string_view path) {
  if (key != nullptr) {
    return encrypted(json, *key, path);
  }
  const size_t brace = json.rfind('}');
  if (brace == std::string_view::npos) {
    return fail({.kind = ErrorKind::kInternal, .what = "only JSON objects are sealed"});
  }
  const size_t end = json.find_last_not_of(" \n", brace == 0 ? 0 : brace - 1);
  const std::string_view body = json.substr(0, end == std::string_view::npos ? 0 : end + 1);
  return std::string(body) + std::string(kTrailerBegin) + hash_of(body) + std::string(kTrailerEnd);
}

Result<std::string> unseal(std::string_view bytes, const ArchiveKey* key, std::string_view path) {
  if (key != nullptr) {
    return bytes.starts_with(kMagic) ? decrypted(bytes, *key, path)
                                     : Result<std::string>(damaged(path));
  }
  if (bytes.starts_with(kMagic)) {
    return fail({.kind = ErrorKind::kRefused,
                 .what = fmt::format("'{}' is encrypted", path),
                 .where = std::string(path),
                 .next = "give the key with --key-file FILE or VECFERRY_KEY"});
  }
  if (bytes.size() < kTrailer) {
    return damaged(path);
  }
  const std::string_view body = bytes.substr(0, bytes.size() - kTrailer);
  const std::string_view trailer = bytes.substr(body.size());
  if (!trailer.starts_with(kTrailerBegin) || !trailer.ends_with(kTrailerEnd) ||
      trailer.substr(kTrailerBegin.size(), kHexDigits) != hash_of(body)) {
    return damaged(path);
  }
  return std::string(body) + "\n}";
}

}  // namespace vecferry
