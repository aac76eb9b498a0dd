// core/store/author_store.h
//
// AuthorStore: what administrators have written: policy lines, exceptions,
// pins, anchors, and the history of every change. Only pin-admin run by an
// administrator writes it; mail never reads it (it reads the snapshot, see
// snapshot.h). docs/store.md describes the file.
//
// One Apply() is one transaction: all of its changes hold or none does, also
// after a kill -9 or a power cut in the middle (journal_mode=DELETE,
// synchronous=FULL). What may not be is refused with Reason::kPolicyInvalid and
// a sentence that says what to do instead; trouble with the file itself is
// kPolicyStoreUnavailable.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/clock/clock.h"
#include "core/outcome/result.h"
#include "core/policy/pin.h"
#include "core/policy/policy_line.h"
#include "core/policy/served_policy.h"
#include "core/store/stored_row.h"

namespace postern {

// Who makes a change, and when; both are written into the history.
struct Author {
  std::string who;
  TimePoint when{};
};

// Which pin: a destination has at most one of a kind with a digest.
struct PinId {
  std::string key;  // canonical
  PinKind kind = PinKind::kSpki;
  DigestAlgorithm algorithm = DigestAlgorithm::kSha256;
  std::string digest;  // octets

  bool operator==(const PinId&) const = default;
};
PinId IdOf(const Pin& pin);

// Sets or replaces the line of its key. A line with until= becomes the key's
// exception and leaves the line beneath as it is.
struct SetLine {
  PolicyLine line;
};
// Removes a line, and an exception of the same key with it.
struct RemoveLine {
  PolicyKey key;
};
// Ends an exception before its time; the line beneath stays.
struct EndException {
  PolicyKey key;
};
// Adds a pin; a pin of the same PinId is refused. `added_by` and `added_at` are
// filled in from the Author where they are empty; a pin that comes out of an
// export keeps its own, and the history says who put it back.
struct AddPin {
  Pin pin;
};
struct RemovePin {
  PinId id;
};
// Makes a backup pin an active one. Other active pins stay: hosts of one
// destination may have keys of their own; remove the old one when it is gone.
struct PromotePin {
  PinId id;
};
// Adds an anchor; one of the same name is refused. `added_by` as for pins.
struct AddAnchor {
  Anchor anchor;
};
// Refused while a line names the anchor.
struct RemoveAnchor {
  std::string name;
};
using Change = std::variant<SetLine, RemoveLine, EndException, AddPin,
                            RemovePin, PromotePin, AddAnchor, RemoveAnchor>;

// One thing that one commit changed. `before` and `after` are texts: the
// canonical line, or JSON for pins and anchors; empty where there was or is
// nothing.
struct HistoryEntry {
  std::uint64_t number = 0;  // counts entries
  std::uint64_t commit = 0;  // counts transactions
  TimePoint when{};
  std::string who;
  std::string what;     // "line", "exception", "pin", "anchor"
  std::string subject;  // "example.org", "example.org spki sha256 3f…"
  std::string before, after;
  std::uint64_t undoes = 0;  // the commit that this one takes back, or 0
  std::string hash;          // SHA-256, hex, over this entry and the one before
};

struct Commit {
  std::uint64_t number = 0;
  std::vector<HistoryEntry> entries;  // empty: nothing was different
  // The hash of the newest entry. Log it (syslog): a history that was rewritten
  // as a whole no longer ends in what the log says.
  std::string head;
};

// Identifies a state of the store: the snapshot says which one it was made of.
struct StoreVersion {
  std::uint64_t commit = 0;
  std::string head;
  bool operator==(const StoreVersion&) const = default;
};

enum class ApplyMode { kCommit, kDryRun };

// One thread at a time. Several processes may have the store open; writers wait
// for each other a few seconds.
class AuthorStore {
 public:
  // `pin-admin init`: makes the directory (0700) and the file (0600) with one
  // line, which must be for `*`. Refused where the file is there already.
  static Result<std::unique_ptr<AuthorStore>> Create(const std::string& path,
                                                     const PolicyLine& standard,
                                                     const Author& author);
  // Migrates an older store; refuses one that is newer than this program, and
  // one in a directory that others may write to.
  static Result<std::unique_ptr<AuthorStore>> Open(const std::string& path);

  virtual ~AuthorStore() = default;

  // All changes in order, or none. Checked on the state that they lead to, so
  // a pin may come before the line that uses it:
  // - there is a `*` line;
  // - no exception ends in something weaker (until=);
  // - an added pin is used by some line;
  // - every ca=anchor:NAME has its anchor.
  // A dry run answers what would change and changes nothing.
  virtual Result<Commit> Apply(std::span<const Change> changes,
                               const Author& author,
                               ApplyMode mode = ApplyMode::kCommit) = 0;
  // Takes back the newest `commits` commits that are neither undone nor undos,
  // as one commit of its own. Refused where there are fewer, or where the state
  // that it leads to is one that Apply() refuses.
  virtual Result<Commit> Undo(int commits, const Author& author,
                              ApplyMode mode = ApplyMode::kCommit) = 0;

  // Every row in the order of the keys' octets, one at a time (there may be a
  // million). Stops at the first error that `visit` returns.
  virtual Status ForEachStoredRow(
      const std::function<Status(const StoredRow&)>& visit) = 0;
  Status ForEachRow(const std::function<Status(const PolicyRow&)>& visit);
  // The same, as a list.
  Result<std::vector<PolicyRow>> Rows();
  // Exactly this key's row; nothing where nothing is filed under it.
  virtual Result<std::optional<PolicyRow>> Find(const PolicyKey& key) = 0;
  virtual Result<std::vector<Anchor>> Anchors() = 0;
  // Pins that no line uses (any more), for `check`.
  virtual Result<std::vector<Pin>> UnusedPins(TimePoint now) = 0;

  // Newest first; 0 means all.
  virtual Result<std::vector<HistoryEntry>> History(std::size_t limit) = 0;
  // Recomputes the whole chain and compares what it leads to with what the
  // store holds. The Error names the first entry or object that doesn't fit.
  // With `expected_head` (from syslog), that entry must be in the chain: a
  // shortened history is found, too. Returns the head.
  virtual Result<std::string> VerifyHistory(
      std::string_view expected_head = {}) = 0;
  virtual Result<StoreVersion> Version() = 0;
  // Runs `work` while nobody else can commit, so that all it reads is of one
  // version. `work` must not change the store.
  virtual Status WhileUnchanged(const std::function<Status()>& work) = 0;

 protected:
  AuthorStore() = default;
};

}  // namespace postern
