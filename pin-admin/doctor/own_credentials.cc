#include <sys/stat.h>

#include <optional>

#include "core/sasl/credentials_file.h"
#include "pin-admin/doctor/own_setup.h"

namespace postern {
namespace {

using Weight = Remark::Weight;

}  // namespace

std::vector<Diagnosis> InspectCredentials(const Settings& settings,
                                          const WatchedPolicy& policy) {
  const std::string& path = settings.credentials;
  if (path.empty()) return {};
  const Result<uid_t> user = ResolveUser(settings.user);
  if (!user) return {};  // InspectRights() tells it
  std::optional<struct stat> file;
  const auto read = ReadCredentials(path, *user, file);
  if (!read) {
    return {{Weight::kNo, "credentials-unusable", path, read.error().detail(),
             "mail to next hops in brackets is deferred: nobody can say which "
             "of them wants a login",
             "chown " + settings.user + ":" + settings.group + " " + path +
                 " && chmod 600 " + path}};
  }
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
