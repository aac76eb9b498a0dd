#include "core/x509/trust_store.h"

#include <dirent.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>

#include "core/x509/certificate_details.h"
#include "core/x509/read_file.h"

namespace postern {

// One file of a hashed directory, or one anchor. Files hold PEM text until they
// are asked for.
struct TrustStore::Entries {
  struct Entry {
    std::string pem;
    bool parsed = false;
    std::vector<Certificate> certificates;
  };
  std::mutex mutex;
  // By the hash of the subject, in the order of their suffixes.
  std::multimap<std::uint32_t, Entry> by_hash;
  std::string fingerprint;

  // The certificates filed under `hash`.
  std::vector<Certificate> Get(std::uint32_t hash) {
    const std::lock_guard lock(mutex);
    std::vector<Certificate> out;
    const auto range = by_hash.equal_range(hash);
    for (auto it = range.first; it != range.second; ++it) {
      Entry& entry = it->second;
      if (!entry.parsed) {
        entry.parsed = true;
        auto read = ReadPemCertificates(entry.pem);
        // Passed over: a file that doesn't parse can only make us trust less.
        if (read) entry.certificates = std::move(read).value();
        entry.pem.clear();
      }
      out.insert(out.end(), entry.certificates.begin(),
                 entry.certificates.end());
    }
    return out;
  }
};

namespace {

Error Unavailable(const std::string& what) {
  return {Reason::kTrustStoreUnavailable, what};
}

std::uint32_t HashOf(const X509_NAME* name) {
  return static_cast<std::uint32_t>(
      X509_NAME_hash_ex(name, nullptr, nullptr, nullptr));
}

// "1a2b3c4d.0": the hash and the number; nothing for another kind of name.
std::optional<std::pair<std::uint32_t, int>> ParseHashedName(
    const std::string& name) {
  if (name.size() < 10 || name.size() > 14 || name[8] != '.')
    return std::nullopt;
  if (name.find_first_not_of("0123456789abcdef") != 8 ||
      name.find_first_not_of("0123456789", 9) != std::string::npos) {
    return std::nullopt;
  }
  return std::pair(static_cast<std::uint32_t>(
                       std::strtoul(name.substr(0, 8).c_str(), nullptr, 16)),
                   std::atoi(name.c_str() + 9));
}

// A link to a certificate that was removed.
bool IsDangling(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) != 0 && errno == ENOENT;
}

// `content` is everything the store was made of.
Result<std::string> FingerprintOf(std::string_view content) {
  auto digest = Digest(DigestAlgorithm::kSha256, content);
  if (!digest) return digest.error();
  return ToHex(digest->substr(0, 16));
}

}  // namespace

TrustStore::TrustStore(std::unique_ptr<Entries> entries)
    : entries_(std::move(entries)) {}
TrustStore::~TrustStore() = default;

Result<std::shared_ptr<const TrustStore>> TrustStore::FromDirectory(
    const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()),
                                                      &closedir);
  if (!directory) return Unavailable(path + ": " + std::strerror(errno));
  // Sorted: the order in a directory is nobody's promise.
  std::map<std::pair<std::uint32_t, int>, std::string> found;
  // An end of the directory leaves errno as it is, an error does not.
  errno = 0;
  while (const dirent* entry = readdir(directory.get())) {
    if (const auto hashed = ParseHashedName(entry->d_name)) {
      found.emplace(*hashed, path + "/" + entry->d_name);
    }
    errno = 0;
  }
  if (errno != 0) return Unavailable(path + ": " + std::strerror(errno));
  auto entries = std::make_unique<Entries>();
  std::string content;
  for (const auto& [key, file] : found) {
    auto text = ReadWholeFile(file, Reason::kTrustStoreUnavailable);
    if (!text) {
      if (IsDangling(file)) continue;
      // A store read by half would be taken for the whole, and good
      // certificates for untrusted ones.
      return text.error();
    }
    content += std::to_string(key.first) + ":" + std::to_string(text->size()) +
               ":" + *text;
    Entries::Entry entry;
    entry.pem = std::move(text).value();
    entries->by_hash.emplace(key.first, std::move(entry));
  }
  if (entries->by_hash.empty()) {
    return Unavailable(path +
                       ": no hashed certificate in it (run 'openssl rehash')");
  }
  auto fingerprint = FingerprintOf(content);
  if (!fingerprint) return Unavailable(fingerprint.error().detail());
  entries->fingerprint = *std::move(fingerprint);
  return std::shared_ptr<const TrustStore>(new TrustStore(std::move(entries)));
}

Result<std::shared_ptr<const TrustStore>> TrustStore::FromFile(
    const std::string& path) {
  auto text = ReadWholeFile(path, Reason::kTrustStoreUnavailable);
  if (!text) return text.error();
  auto store = FromPem(*text);
  if (!store) return Unavailable(path + ": " + store.error().detail());
  return store;
}

Result<std::shared_ptr<const TrustStore>> TrustStore::Load(
    const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return Unavailable(path + ": " + std::strerror(errno));
  }
  return S_ISDIR(status.st_mode) ? FromDirectory(path) : FromFile(path);
}

Result<std::shared_ptr<const TrustStore>> TrustStore::FromPem(
    std::string_view pem) {
  auto anchors = ReadPemCertificates(pem);
  if (!anchors) return Unavailable(anchors.error().detail());
  return FromAnchors(std::move(anchors).value());
}

Result<std::shared_ptr<const TrustStore>> TrustStore::FromAnchors(
    std::vector<Certificate> anchors) {
  if (anchors.empty()) return Unavailable("no anchor");
  auto entries = std::make_unique<Entries>();
  std::string content;
  for (Certificate& anchor : anchors) {
    content.append(anchor.der().begin(), anchor.der().end());
    const std::uint32_t hash =
        HashOf(X509_get_subject_name(anchor.details().x509.get()));
    Entries::Entry entry;
    entry.parsed = true;
    entry.certificates.push_back(std::move(anchor));
    entries->by_hash.emplace(hash, std::move(entry));
  }
  auto fingerprint = FingerprintOf(content);
  if (!fingerprint) return Unavailable(fingerprint.error().detail());
  entries->fingerprint = *std::move(fingerprint);
  return std::shared_ptr<const TrustStore>(new TrustStore(std::move(entries)));
}

std::vector<Certificate> TrustStore::FindIssuers(
    const Certificate& certificate) const {
  const X509_NAME* issuer =
      X509_get_issuer_name(certificate.details().x509.get());
  std::vector<Certificate> out;
  for (Certificate& anchor : entries_->Get(HashOf(issuer))) {
    const X509* x509 = anchor.details().x509.get();
    if (X509_NAME_cmp(X509_get_subject_name(x509), issuer) == 0) {
      out.push_back(std::move(anchor));
    }
  }
  return out;
}

bool TrustStore::Contains(const Certificate& certificate) const {
  const X509* x509 = certificate.details().x509.get();
  for (const Certificate& anchor :
       entries_->Get(HashOf(X509_get_subject_name(x509)))) {
    if (anchor == certificate) return true;
  }
  return false;
}

const std::string& TrustStore::fingerprint() const {
  return entries_->fingerprint;
}

std::size_t TrustStore::size() const {
  const std::lock_guard lock(entries_->mutex);
  return entries_->by_hash.size();
}

}  // namespace postern
