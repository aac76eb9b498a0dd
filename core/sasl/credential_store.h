// core/sasl/credential_store.h
//
// CredentialStore: the file of credentials as it is now. It is looked at before
// each use and read again when it has changed; while it can't be used, nobody
// can say which hop needs a login, and the answer is an Error.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "core/names/next_hop.h"
#include "core/outcome/result.h"
#include "core/sasl/credentials_file.h"

namespace postern {

// Thread-safe.
class CredentialStore {
 public:
  // An empty path: there are no credentials, and that is no error.
  explicit CredentialStore(std::string path);
  CredentialStore(const CredentialStore&) = delete;
  CredentialStore& operator=(const CredentialStore&) = delete;

  // Null: nobody logs in there. A line that has not changed keeps its object
  // from one reading to the next. Error: kCredentialsUnavailable.
  Result<std::shared_ptr<const Credentials>> For(const NextHop& hop);

  // Changes whenever a line does, or when the file can no longer be used.
  std::string Generation();

 private:
  void Refresh();

  const std::string path_;
  const uid_t user_;
  std::mutex mutex_;  // guards all below
  bool looked_ = false;
  struct stat seen_ {};
  Result<CredentialsByHop> held_ = CredentialsByHop();
  std::uint64_t generation_ = 0;
};

}  // namespace postern
