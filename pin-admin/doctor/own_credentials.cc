#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "core/sasl/credentials_file.h"
#include "pin-admin/doctor/own_setup.h"

namespace postern {
namespace {

using Weight = Remark::Weight;

Diagnosis Unusable(const std::string& path, const Settings& settings,
                   const Error& error) {
  const auto unseen = [&] {
    return CouldNotFindOut("credentials-unusable", path, error,
                           "without them mail to next hops in brackets would "
                           "be deferred",
                           "run it as root");
  };
  struct stat file {};
  if (stat(path.c_str(), &file) != 0) {
    if (errno == EACCES) return unseen();
    return {Weight::kNo,
            "credentials-unusable",
            path,
            error.detail(),
            "mail to next hops in brackets is deferred: nobody can say which "
            "of them wants a login",
            "restore it, or take 'credentials' out of postern.conf"};
  }
  const bool guarded = (file.st_mode & 0077) == 0;
  if (geteuid() != 0 && guarded && file.st_uid != geteuid()) {
    return unseen();
  }
  return {Weight::kNo,
          "credentials-unusable",
          path,
          error.detail(),
          "mail to next hops in brackets is deferred: nobody can say which of "
          "them wants a login",
          guarded && error.detail().find("line ") != std::string::npos
              ? "mend that line; each is '[host]:port user secret'"
              : "chown " + settings.user + ":" + settings.group + " " + path +
                    " && chmod 600 " + path};
}

}  // namespace

std::vector<Diagnosis> InspectCredentials(const Settings& settings,
                                          const WatchedPolicy& policy) {
  const std::string& path = settings.credentials;
  if (path.empty()) return {};
  const Result<uid_t> user = ResolveUser(settings.user);
  if (!user) return {};  // InspectRights() tells it
  std::optional<struct stat> file;
  const auto read = ReadCredentials(path, *user, file);
  if (!read) return {Unusable(path, settings, read.error())};
  std::vector<Diagnosis> found;
  for (const auto& [hop, credentials] : *read) {
    if (policy.proven_hops.contains(hop)) continue;
    found.push_back(
        {Weight::kWarning, "credentials-withheld", hop,
         "has credentials, and no line at an authenticating level is for it or "
         "names it in route=",
         "they are not sent to a relay that has not proven itself, and its "
         "mail is deferred",
         "pin-admin policy set '" + hop + "' secure"});
  }
  return found;
}

}  // namespace postern
