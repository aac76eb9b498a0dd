#include <algorithm>
#include <string>
#include <utility>

#include "core/policy/combine.h"
#include "core/policy/line_words.h"
#include "core/tls/tls_words.h"

namespace postern {
namespace {

template <typename T>
void AddMissing(std::vector<T>& to, const std::vector<T>& from) {
  for (const T& item : from) {
    if (std::find(to.begin(), to.end(), item) == to.end()) to.push_back(item);
  }
}

bool IsUndecided(const std::optional<Finding>& refused) {
  return refused && refused->state() == Finding::State::kUndecided;
}

// An undecided refusal stands before a "no": the mail must not bounce for the
// one while the other could not be found out.
void MergeRefusals(HostPlan& a, const HostPlan& b) {
  if (!b.refused || IsUndecided(a.refused)) return;
  if (!a.refused || IsUndecided(b.refused)) a.refused = b.refused;
}

// Versions that both admit. The texts were checked when their lines were read;
// one that can't be read now must not widen the other.
void MergeProtocols(HostPlan& a, const HostPlan& b) {
  if (b.protocols.empty() || a.protocols == b.protocols) return;
  if (a.protocols.empty()) {
    a.protocols = b.protocols;
    return;
  }
  const Result<ProtocolSet> mine = ParseProtocols(a.protocols);
  const Result<ProtocolSet> theirs = ParseProtocols(b.protocols);
  ProtocolSet common{false, false};
  if (mine && theirs) {
    common = {mine->tls12 && theirs->tls12, mine->tls13 && theirs->tls13};
  }
  if (!common.empty()) {
    a.protocols = ToProtocols(common);
    return;
  }
  if (a.refused) return;
  a.refused = Finding::Undecided(
      Error(Reason::kPolicyInvalid,
            "protocols=" + a.protocols + " of the destination and protocols=" +
                b.protocols + " of the next hop leave no version"));
}

// `medium` only where both lines say so: the default is as strict as `high`.
void MergeCiphers(HostPlan& a, const HostPlan& b) {
  if (b.ciphers == "high" || a.ciphers == "medium") a.ciphers = b.ciphers;
}

void MergeExclude(HostPlan& a, const HostPlan& b) {
  for (const std::string_view part : SplitAt(b.exclude, ":")) {
    const auto mine = SplitAt(a.exclude, ":");
    if (std::find(mine.begin(), mine.end(), part) != mine.end()) continue;
    if (!a.exclude.empty()) a.exclude += ':';
    a.exclude += part;
  }
}

// A servername= of either line stands before the default, the host's own name.
void MergeServername(HostPlan& a, const HostPlan& b) {
  const auto* host = std::get_if<Domain>(&a.facts.host);
  const bool chosen =
      a.servername && (host == nullptr || *a.servername != *host);
  if (!chosen && b.servername) a.servername = b.servername;
}

}  // namespace

HostPlan Both(HostPlan a, const HostPlan& b) {
  MergeRefusals(a, b);
  MergeProtocols(a, b);
  MergeExclude(a, b);
  MergeServername(a, b);
  a.tls = std::max(a.tls, b.tls);
  a.wrapper = a.wrapper || b.wrapper;
  a.published = a.published || b.published;
  a.needs_ptr = a.needs_ptr || b.needs_ptr;
  MergeCiphers(a, b);
  AddMissing(a.verifiers, b.verifiers);
  AddMissing(a.recorded, b.recorded);
  AddMissing(a.policies, b.policies);
  a.ttl = std::min(a.ttl, b.ttl);
  AddMissing(a.notes, b.notes);
  if (a.wrapper || a.refused) a.tls = TlsUse::kRequired;
  return a;
}

}  // namespace postern
