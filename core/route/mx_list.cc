#include "core/route/mx_list.h"

#include <algorithm>
#include <set>
#include <utility>

namespace postern {

bool IsNullMx(const std::vector<MxRecord>& records) {
  return !records.empty() &&
         std::all_of(records.begin(), records.end(), [](const MxRecord& mx) {
           return !mx.host && mx.unusable.empty();
         });
}

std::vector<MxHost> SortMx(const std::vector<MxRecord>& records,
                           Random& random) {
  std::vector<MxHost> hosts;
  for (const MxRecord& mx : records) {
    if (mx.host) hosts.push_back(MxHost{*mx.host, mx.preference});
  }
  // Shuffled first: a stable sort then leaves equals in that order.
  Shuffle(std::span(hosts), random);
  std::stable_sort(hosts.begin(), hosts.end(),
                   [](const MxHost& a, const MxHost& b) {
                     return a.preference < b.preference;
                   });
  std::set<Domain> seen;
  std::vector<MxHost> once;
  for (MxHost& host : hosts) {
    if (seen.insert(host.name).second) once.push_back(std::move(host));
  }
  return once;
}

}  // namespace postern
