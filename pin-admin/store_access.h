// pin-admin/store_access.h
//
// The author store as commands use it: opened with messages that help, changed
// in one transaction, published and logged. Everything that writes goes through
// CommitChanges().
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/store/author_store.h"
#include "core/store/snapshot.h"
#include "pin-admin/command.h"

namespace postern {

// A snapshot that is missing, damaged or older than the store (a commit that
// was cut short) is published again.
enum class IfStale { kPublish, kLeaveIt };
Result<std::unique_ptr<AuthorStore>> OpenAuthorStore(
    Context& context, IfStale if_stale = IfStale::kPublish);

// What opening it depends on, where it fails.
enum class StoreState { kAbsent, kAbsentButPublished, kNotAllowed, kThere };
StoreState LookForStore(const Context& context);

// The administrator who runs this process, "alice (as root)", now.
Author ThisAdministrator(const Context& context);

// Asked once the changes are shown; false: nothing is written.
using Agree = std::function<bool()>;

// Applies `changes`, shows them, publishes, and logs the head of the history to
// syslog. With --dry-run only shows. Call it last: it says how it went.
ExitStatus CommitChanges(Context& context, AuthorStore& store,
                         std::span<const Change> changes,
                         const Agree& agree = {});
// The same for a commit made another way (undo).
using MakeCommit = std::function<Result<Commit>(const Author&, ApplyMode)>;
ExitStatus CommitWith(Context& context, AuthorStore& store,
                      const MakeCommit& make, const Agree& agree = {});

// Publishes, says so, and logs.
ExitStatus PublishNow(Context& context, AuthorStore& store);

// Refused policy is an answer (1); everything else could not be found out (4).
ExitStatus Refuse(Output& out, const Error& error);

// The author store as the planner's lookups ask a snapshot.
class AuthorAsPolicyStore final : public PolicyStore {
 public:
  explicit AuthorAsPolicyStore(AuthorStore& store) : store_(store) {}
  Result<std::optional<PolicyRow>> Find(const PolicyKey& key) override {
    return store_.Find(key);
  }
  std::string Generation() override;

 private:
  AuthorStore& store_;
};

}  // namespace postern
