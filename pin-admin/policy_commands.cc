// pin-admin/policy_commands.cc
//
// policy set, show, list, remove: the lines that say what must hold.
#include <array>

#include "core/names/domain.h"
#include "core/policy/strength.h"
#include "pin-admin/change_review.h"
#include "pin-admin/command.h"
#include "pin-admin/line_prospects.h"
#include "pin-admin/policy_file.h"
#include "pin-admin/policy_text.h"
#include "pin-admin/store_access.h"
#include "pin-admin/value_text.h"

namespace postern {
namespace {

ExitStatus RunSet(Context& context) {
  Output& out = context.out;
  const Result<PolicyLine> line =
      ParsePolicyLine(JoinWords(context.args.arguments()));
  if (!line) return out.Usage(line.error().detail());
  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  const Result<std::optional<PolicyRow>> before = (*store)->Find(line->key);
  if (!before) return out.CouldNot(before.error());

  const bool had = before->has_value() && (*before)->line.has_value();
  if (had) {
    if (const auto loss = WouldWeaken(*(*before)->line, *line)) {
      out.Warn("weaker than before: " + *loss + "; " +
               std::string(WhatItAllows(line->level)) +
               (line->until ? ", until " + FormatTime(*line->until) : ""));
    }
  }
  const std::array<Change, 1> changes{SetLine{*line}};
  if (!had) WarnOfWeaker(context, **store, {}, changes);
  const ExitStatus waits = WarnOfWaiting(out, *line, context.settings);
  const ExitStatus status = CommitChanges(context, **store, changes);
  const bool pinned = before->has_value() && !(*before)->pins.empty();
  if (status == ExitStatus::kGood && line->level == Level::kFingerprint &&
      !pinned) {
    out.Line(
        "Next: 'pin-admin pin add " + line->key.str() +
        "', with a digest that its owner confirmed. Mail waits until then.");
  }
  return Gravest(status, waits);
}

ExitStatus RunRemove(Context& context) {
  Output& out = context.out;
  const Result<PolicyKey> key = PolicyKey::Parse(context.args.Argument(0));
  if (!key) return out.Usage(key.error().detail());
  const bool exception_only = context.args.Has("exception");
  if (key->kind() == PolicyKey::Kind::kDefault && !exception_only) {
    return out.No(
        "the line of '*' holds for every destination without one of "
        "its own and cannot be removed; change it with 'pin-admin "
        "policy set \"*\" LEVEL'");
  }
  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  const Result<std::optional<PolicyRow>> row = (*store)->Find(*key);
  if (!row) return out.CouldNot(row.error());
  const bool line = row->has_value() && (*row)->line.has_value();
  const bool exception = row->has_value() && (*row)->exception.has_value();
  if (exception_only ? !exception : !line && !exception) {
    return out.No(std::string("there is no ") +
                  (exception_only ? "exception" : "line") + " for " +
                  key->str());
  }
  std::vector<Change> changes;
  if (exception_only || !line) {
    changes.emplace_back(EndException{*key});
  } else {
    changes.emplace_back(RemoveLine{*key});
    WarnOfWeaker(context, **store, {&**row, 1}, changes);
  }
  const ExitStatus status = CommitChanges(context, **store, changes);
  if (status == ExitStatus::kGood && line && !exception_only &&
      !(*row)->pins.empty()) {
    out.Line(
        "Its pins are kept; 'pin-admin check' names those that no line "
        "uses any more.");
  }
  return status;
}

ExitStatus RunList(Context& context) {
  Output& out = context.out;
  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  const TimePoint now = context.clock.Now();
  std::string lines;
  Table table;
  table.columns = {{"key", "KEY"},
                   {"level", "LEVEL"},
                   {"pins", "PINS"},
                   {"owner", "OWNER"},
                   {"exception", "EXCEPTION"},
                   {"line", ""},
                   {"exception_line", ""},
                   {"until", ""}};
  const Status read = (*store)->ForEachRow([&](const PolicyRow& row) -> Status {
    lines += FormatForFile(row);
    Json exception, exception_line, until;
    if (row.exception) {
      const bool over = row.exception->until && *row.exception->until <= now;
      exception = std::string(ToString(row.exception->level));
      if (row.exception->until) {
        exception = std::string(exception.text()) +
                    (over ? ", ended " : ", ends ") +
                    Relative(*row.exception->until, now);
      }
      exception_line = Format(*row.exception);
      until = ToJson(row.exception->until);
    }
    table.rows.push_back(
        {row.key.str(), row.line ? Json(ToString(row.line->level)) : Json(),
         static_cast<std::uint64_t>(row.pins.size()),
         row.line ? Json(row.line->owner) : Json(), exception,
         row.line ? Json(Format(*row.line)) : Json(), exception_line, until});
    return {};
  });
  if (!read) return out.CouldNot(read.error());
  if (context.args.Has("lines") && !out.json()) {
    out.Text(lines);
    return ExitStatus::kGood;
  }
  out.Print("policies", table, "There are no lines.");
  return ExitStatus::kGood;
}

void ShowPolicy(Context& context, const ServedPolicy& policy) {
  Output& out = context.out;
  const TimePoint now = context.clock.Now();
  Json pins = Json::MakeArray();
  out.Line(out.Paint(Colour::kBold, Format(policy.line)));
  out.Line("  from " + policy.origin + ": " +
           std::string(WhatItAllows(policy.line.level)));
  if (policy.valid_until) {
    out.Line("  until " + FormatTime(*policy.valid_until) + " (" +
             Relative(*policy.valid_until, now) +
             "); then the line beneath holds again");
  }
  for (const Pin& pin : policy.pins) {
    pins.Add(ToJson(pin));
    std::string line = "  pin " + Describe(pin);
    if (pin.valid_from && *pin.valid_from > now) {
      line += ", valid from " + FormatTime(*pin.valid_from);
    }
    if (pin.valid_until) {
      line += (*pin.valid_until <= now ? ", ended " : ", until ") +
              FormatTime(*pin.valid_until);
    }
    out.Line(Clean(line));
  }
  out.doc().Set("holds", ToJson(policy.line));
  out.doc().Set("origin", policy.origin);
  out.doc().Set("pins", std::move(pins));
}

// Whether what the store says is what the service reads.
void ShowForce(Context& context, AuthorStore& store) {
  const Result<StoreVersion> written = store.Version();
  const Result<SnapshotInfo> published =
      ReadSnapshotInfo(context.settings.snapshot);
  const bool same = written && published && *written == published->version;
  context.out.doc().Set("in_force", same);
  if (!same) {
    context.out.Warn(
        "the latest commit is not in force yet: run 'pin-admin "
        "publish' as root");
  }
}

ExitStatus RunShow(Context& context) {
  Output& out = context.out;
  const Result<PolicyKey> key = PolicyKey::Parse(context.args.Argument(0));
  if (!key) return out.Usage(key.error().detail());
  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  const Result<std::optional<PolicyRow>> row = (*store)->Find(*key);
  if (!row) return out.CouldNot(row.error());
  out.doc().Set("key", key->str());
  out.doc().Set("line", row->has_value() ? ToJson((*row)->line) : Json());
  out.doc().Set("exception",
                row->has_value() ? ToJson((*row)->exception) : Json());

  AuthorAsPolicyStore lookup(**store);
  const TimePoint now = context.clock.Now();
  if (key->kind() == PolicyKey::Kind::kDomain) {
    const Result<Domain> domain = Domain::Parse(key->str());
    if (!domain) return out.CouldNot(domain.error());
    const Result<ServedPolicy> policy = LookUpDomain(lookup, *domain, now);
    if (!policy) return out.CouldNot(policy.error());
    ShowPolicy(context, *policy);
    const std::optional<PolicyRow>& own = *row;
    if (own && own->exception && own->line) {
      out.Line("  beneath: " + Format(*own->line));
    }
    ShowForce(context, **store);
    return ExitStatus::kGood;
  }
  if (!row->has_value()) return out.No("nothing is filed under " + key->str());
  ServedPolicy policy;
  policy.pins = (*row)->pins;
  policy.origin = key->str();
  if (!(*row)->line && !(*row)->exception) {
    return out.No("there is no line for " + key->str() + ", only pins");
  }
  const bool excepted = (*row)->exception && (!(*row)->exception->until ||
                                              *(*row)->exception->until > now);
  policy.line = excepted || !(*row)->line ? *(*row)->exception : *(*row)->line;
  if (excepted) {
    policy.origin += " (exception)";
    policy.valid_until = (*row)->exception->until;
  }
  ShowPolicy(context, policy);
  ShowForce(context, **store);
  return ExitStatus::kGood;
}

}  // namespace

std::vector<Command> PolicyCommands() {
  return {
      {{"policy set",
        "set or replace the line of a destination",
        "KEY is a domain, .domain (everything below it), * (everything else) "
        "or [host]:port (a next hop). LEVEL is none, may, encrypt, "
        "fingerprint, verify, secure, hosted, dane, dane-only, sts or auto. A "
        "line with until= becomes an exception.",
        {{"KEY", "whose mail"},
         {"LEVEL", "what must hold"},
         {"ATTRIBUTE=VALUE", "see docs/policy.md", true, true}},
        {DryRunOption()},
        "pin-admin policy set bank.example fingerprint owner=treasury\n"
        "pin-admin policy set .partner.example secure "
        "match=mx.partner.example\n"
        "pin-admin policy set clinic.example hosted "
        "'route=[relay.clinic.example]:465' wrapper=yes"},
       RunSet},
      {{"policy show",
        "show what holds for a destination",
        "",
        {{"KEY", "a domain, .domain, * or [host]:port"}},
        {},
        "pin-admin policy show bank.example"},
       RunShow},
      {{"policy list",
        "list all lines",
        "",
        {},
        {{"lines", 'l', "",
          "print them as 'policy apply' reads them, with "
          "their pins"}},
        "pin-admin policy list\n"
        "pin-admin policy list --lines > policy.txt"},
       RunList},
      {{"policy remove",
        "remove the line of a destination",
        "An exception of the same key goes with it. The line of * can be "
        "changed, not removed.",
        {{"KEY", "a domain, .domain or [host]:port"}},
        {{"exception", 'e', "",
          "end its exception only; the line beneath "
          "holds again"},
         DryRunOption()},
        "pin-admin policy remove old.example\n"
        "pin-admin policy remove old.example --exception"},
       RunRemove},
  };
}

}  // namespace postern
