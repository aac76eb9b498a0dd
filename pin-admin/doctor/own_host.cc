#include <dirent.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "core/store/snapshot.h"
#include "pin-admin/doctor/own_setup.h"
#include "pin-admin/value_text.h"

namespace postern {
namespace {

using Weight = Remark::Weight;

// What two clocks of one host may differ by, and a publish takes.
constexpr std::chrono::minutes kSlack{5};

// "5ed36f99.0": what a hashed directory is looked up by.
bool IsHashName(std::string_view name) {
  if (name.size() < 10 || name[8] != '.') return false;
  return std::all_of(name.begin(), name.begin() + 8,
                     [](unsigned char c) { return std::isxdigit(c) != 0; });
}

Diagnosis Unreadable(const std::string& code, const std::string& path,
                     const std::string& why, const std::string& mend) {
  return {Weight::kNo, code, path, std::strerror(errno), why, mend};
}

}  // namespace

std::vector<Diagnosis> InspectSnapshot(AuthorStore& store,
                                       const Settings& settings,
                                       TimePoint now) {
  std::vector<Diagnosis> found;
  const Result<bool> stale = NeedsPublish(store, settings.snapshot);
  if (!stale) {
    found.push_back(CouldNotFindOut("store-unreadable", settings.author_store,
                                    stale.error(), "the policy may be lost",
                                    "restore it from a backup"));
    return found;
  }
  if (*stale) {
    found.push_back({Weight::kNo, "snapshot-stale", settings.snapshot,
                     "is missing, damaged, or older than the author store",
                     "what was written is not what holds",
                     "pin-admin publish"});
  }
  const Result<SnapshotInfo> info = ReadSnapshotInfo(settings.snapshot);
  const auto history = store.History(1);
  TimePoint newest{};
  if (info) newest = info->published_at;
  if (history && !history->empty()) {
    newest = std::max(newest, history->front().when);
  }
  if (newest > now + kSlack) {
    found.push_back({Weight::kNo, "clock-behind", "",
                     "the clock says " + FormatTime(now) +
                         ", and the policy was last written at " +
                         FormatTime(newest),
                     "certificates, pins and exceptions are judged by a wrong "
                     "date",
                     "set the clock: timedatectl set-ntp true"});
  }
  return found;
}

std::vector<Diagnosis> InspectClock() {
  timex state{};
  const int answer = adjtimex(&state);
  if (answer < 0) {
    return {CouldNotFindOut(
        "clock-unknown", "",
        Error(Reason::kInternal,
              std::string("adjtimex: ") + std::strerror(errno)),
        "certificates, pins and exceptions are judged by the clock",
        "see that the clock is kept right: timedatectl")};
  }
  if (answer != TIME_ERROR && (state.status & STA_UNSYNC) == 0) return {};
  return {{Weight::kWarning, "clock-unsynchronised", "",
           "the kernel's clock is not synchronised",
           "certificates, pins and exceptions are judged by it; a clock that "
           "is far off defers good mail, or trusts what has expired",
           "timedatectl set-ntp true"}};
}

std::vector<Diagnosis> InspectTrust(const Settings& settings) {
  std::vector<Diagnosis> found;
  const std::string& directory = settings.trust_directory;
  const std::string why =
      "verify, secure and hosted defer all mail: no authority is trusted";
  if (DIR* entries = opendir(directory.c_str())) {
    std::size_t count = 0, readable = 0;
    while (const dirent* entry = readdir(entries)) {
      if (!IsHashName(entry->d_name)) continue;
      ++count;
      const std::string path = directory + "/" + entry->d_name;
      if (access(path.c_str(), R_OK) == 0) ++readable;
    }
    closedir(entries);
    if (readable == 0) {
      found.push_back(
          {Weight::kNo, count == 0 ? "trust-empty" : "trust-unreadable",
           directory,
           count == 0
               ? "has no authorities under their hashes"
               : "none of its certificates can be read by " + settings.user,
           why,
           count == 0 ? "apt-get install ca-certificates\n(or, for "
                        "a directory of your own: openssl rehash " +
                            directory + ")"
                      : "chmod -R a+rX " + directory});
    }
  } else {
    found.push_back(Unreadable("trust-unreadable", directory, why,
                               "postern.conf: trust-directory = "
                               "/etc/ssl/certs"));
  }
  const std::string& anchor = settings.dns_trust_anchor;
  if (!anchor.empty() && access(anchor.c_str(), R_OK) != 0) {
    found.push_back(Unreadable("trust-anchor-unreadable", anchor,
                               "the service does not start without it",
                               "apt-get install dns-root-data"));
  }
  return found;
}

std::vector<Diagnosis> InspectHelo(const Settings& settings,
                                   Resolver* resolver) {
  const std::string mend = "postern.conf: helo-name = mail.you.example";
  const Result<Domain> helo = HeloName(settings);
  if (!helo) {
    return {{Weight::kNo, "helo-name", settings.helo_name,
             helo.error().detail(),
             "the service does not start without a name to say in EHLO", mend}};
  }
  if (resolver == nullptr) return {};
  const Deadline deadline = Deadline::After(settings.timeouts.dns * 2);
  const auto v4 = resolver->A(*helo, deadline);
  const auto v6 = resolver->Aaaa(*helo, deadline);
  if (v4.found() || v6.found()) return {};
  if (v4.failed() || v6.failed()) {
    return {CouldNotFindOut(
        "helo-unknown", helo->str(),
        Error(Reason::kDnsLookupFailed, v4.failed() ? v4.why : v6.why),
        "many servers refuse a name that they can't look up",
        "see that DNS answers for it")};
  }
  return {{Weight::kWarning, "helo-unresolvable", helo->str(),
           "has no address in DNS",
           "many servers refuse mail from a host whose EHLO name has no "
           "address",
           mend + "\n(or give the name an address)"}};
}

}  // namespace postern
