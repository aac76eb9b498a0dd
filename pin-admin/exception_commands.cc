// pin-admin/exception_commands.cc
//
// policy relax and undo: weaken for a while, and take back.
#include <array>
#include <charconv>

#include "core/names/domain.h"
#include "core/policy/strength.h"
#include "pin-admin/command.h"
#include "pin-admin/line_prospects.h"
#include "pin-admin/policy_text.h"
#include "pin-admin/store_access.h"
#include "pin-admin/value_text.h"

namespace postern {
namespace {

Result<Level> ParseLevel(const std::string& text) {
  // The line's own parser knows the levels and says what is wrong with others.
  const Result<PolicyLine> line = ParsePolicyLine("* " + text);
  if (!line) return line.error();
  return line->level;
}

// The store as it is without exceptions: one may be extended, and is then not
// compared with itself.
class WithoutExceptions final : public PolicyStore {
 public:
  explicit WithoutExceptions(AuthorStore& store) : store_(store) {}
  Result<std::optional<PolicyRow>> Find(const PolicyKey& key) override {
    Result<std::optional<PolicyRow>> row = store_.Find(key);
    if (row && row->has_value()) (*row)->exception.reset();
    return row;
  }
  std::string Generation() override { return ""; }

 private:
  AuthorStore& store_;
};

// The line whose place the exception takes for a while: the key's own, or the
// one that holds for the domain.
Result<PolicyLine> LineBeneath(AuthorStore& store, const PolicyKey& key,
                               TimePoint now) {
  const Result<std::optional<PolicyRow>> row = store.Find(key);
  if (!row) return row.error();
  if (row->has_value() && (*row)->line) return *(*row)->line;
  if (key.kind() != PolicyKey::Kind::kDomain) {
    return Error(Reason::kPolicyInvalid,
                 "there is no line for " + key.str() + " to relax");
  }
  const Result<Domain> domain = Domain::Parse(key.str());
  if (!domain) return domain.error();
  WithoutExceptions lookup(store);
  const Result<ServedPolicy> policy = LookUpDomain(lookup, *domain, now);
  if (!policy) return policy.error();
  return policy->line;
}

ExitStatus RunRelax(Context& context) {
  Output& out = context.out;
  const TimePoint now = context.clock.Now();
  const Result<PolicyKey> key = PolicyKey::Parse(context.args.Argument(0));
  if (!key) return out.Usage(key.error().detail());
  const Result<Level> level = ParseLevel(context.args.Get("to"));
  if (!level) return out.Usage("--to: " + level.error().detail());
  const Result<std::chrono::seconds> span = ParseSpan(context.args.Get("for"));
  if (!span) return out.Usage("--for: " + span.error().detail());
  const std::string reason = context.args.Get("reason");
  if (reason.empty()) {
    return out.Usage(
        "--reason is empty: whoever finds the exception will want "
        "to know why");
  }

  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  const Result<PolicyLine> beneath = LineBeneath(**store, *key, now);
  if (!beneath) return Refuse(out, beneath.error());
  if (NeedsImplicitTls(*beneath) &&
      (*level == Level::kNone || *level == Level::kMay)) {
    return out.No("the line '" + Format(*beneath) +
                  "' leads to a port that speaks TLS from the first octet, "
                  "where nothing is ever in cleartext: relax it to encrypt");
  }
  const std::string text =
      Format(Relaxed(*beneath, *key, *level, now + *span, reason));
  const Result<PolicyLine> line = ParsePolicyLine(text);
  if (!line) return Refuse(out, line.error());
  const std::optional<std::string> loss = WouldWeaken(*beneath, *line);
  if (!loss) {
    return out.No("that would not relax '" + Format(*beneath) +
                  "'; for a stricter line use 'pin-admin policy set'");
  }
  out.Warn("until " + FormatTime(*line->until) + ", for " + key->str() + ": " +
           *loss + "; " + std::string(WhatItAllows(*level)));
  const ExitStatus waits = WarnOfWaiting(out, *line, context.settings);
  const std::array<Change, 1> changes{SetLine{*line}};
  const ExitStatus status = CommitChanges(context, **store, changes);
  if (status == ExitStatus::kGood) {
    out.Line("Ends by itself; sooner with 'pin-admin policy remove " +
             key->str() + " --exception'.");
  }
  return Gravest(status, waits);
}

ExitStatus RunUndo(Context& context) {
  Output& out = context.out;
  int count = 1;
  const std::string text = context.args.Argument(0);
  if (!text.empty()) {
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc() || end != text.data() + text.size() || count < 1 ||
        count > 1000) {
      return out.Usage("'" + text + "' is no number of commits to take back");
    }
  }
  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  return CommitWith(context, **store,
                    [&](const Author& author, ApplyMode mode) {
                      return (*store)->Undo(count, author, mode);
                    });
}

}  // namespace

std::vector<Command> ExceptionCommands() {
  return {
      {{"policy relax",
        "weaken a line for a while, with a reason",
        "The line beneath keeps its route and holds again by itself when the "
        "time is over. 'pin-admin check' reminds before and after.",
        {{"KEY", "a domain, .domain, * or [host]:port"}},
        {{"to", 't', "LEVEL", "what must hold meanwhile", {}, false, true},
         {"for", 'f', "SPAN", "how long: 90m, 4h, 2d", {}, false, true},
         {"reason", 'r', "TEXT", "why; kept in the history", {}, false, true},
         DryRunOption()},
        "pin-admin policy relax bank.example --to may --for 4h "
        "--reason 'their certificate expired, ticket 4711'"},
       RunRelax},
      {{"policy undo",
        "take back the latest change, or the latest few",
        "What is taken back stays in the history, and so does the taking back.",
        {{"COUNT", "how many commits (1)", true}},
        {DryRunOption()},
        "pin-admin policy undo\n"
        "pin-admin policy undo 3 --dry-run"},
       RunUndo},
  };
}

}  // namespace postern
