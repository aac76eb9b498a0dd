#include "core/sasl/credential_store.h"

#include <unistd.h>

#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

namespace postern {
namespace {

bool SameFile(const struct stat& a, const struct stat& b) {
  const auto same = [](const timespec& x, const timespec& y) {
    return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec;
  };
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino &&
         a.st_size == b.st_size && same(a.st_mtim, b.st_mtim) &&
         same(a.st_ctim, b.st_ctim);
}

// Unchanged lines keep their object, and with it their connections and what is
// remembered of refusals. False: nothing has changed.
bool KeepUnchanged(const CredentialsByHop& old, CredentialsByHop& now) {
  std::size_t kept = 0;
  for (auto& [hop, credentials] : now) {
    const auto before = old.find(hop);
    if (before == old.end() || before->second->user() != credentials->user() ||
        !(before->second->secret() == credentials->secret())) {
      continue;
    }
    credentials = before->second;
    ++kept;
  }
  return kept != now.size() || kept != old.size();
}

}  // namespace

CredentialStore::CredentialStore(std::string path)
    : path_(std::move(path)), user_(geteuid()) {}

void CredentialStore::Refresh() {
  struct stat now {};
  if (stat(path_.c_str(), &now) != 0) {
    const Error error{Reason::kCredentialsUnavailable,
                      path_ + ": " + std::generic_category().message(errno)};
    if (held_.ok() || !looked_) ++generation_;
    held_ = error;
    looked_ = false;
    return;
  }
  if (looked_ && SameFile(now, seen_)) return;
  std::optional<struct stat> found;
  Result<CredentialsByHop> read = ReadCredentials(path_, user_, found);
  // A file that was refused for what it is or holds is not opened again until
  // it changes (a change of its rights is one). One that could not be read is:
  // a shortage of descriptors passes, and leaves no mark on the file.
  looked_ = found.has_value();
  if (found) seen_ = *found;
  if (!read) {
    if (held_.ok()) ++generation_;
    held_ = Error{read.error().reason(), path_ + ": " + read.error().detail()};
    return;
  }
  if (!held_.ok() || KeepUnchanged(*held_, *read)) ++generation_;
  held_ = std::move(read);
}

Result<std::shared_ptr<const Credentials>> CredentialStore::For(
    const NextHop& hop) {
  if (path_.empty()) return std::shared_ptr<const Credentials>();
  const std::lock_guard lock(mutex_);
  Refresh();
  if (!held_.ok()) return held_.error();
  const auto found = held_->find(hop.str());
  if (found == held_->end()) return std::shared_ptr<const Credentials>();
  return found->second;
}

std::string CredentialStore::Generation() {
  if (path_.empty()) return {};
  const std::lock_guard lock(mutex_);
  Refresh();
  return std::to_string(generation_);
}

}  // namespace postern
