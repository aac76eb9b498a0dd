// pin-admin/record_commands.cc
//
// observations, audit, plugins: what was seen, what was changed, what is built
// in.
#include <algorithm>
#include <charconv>

#include "core/names/domain.h"
#include "core/x509/digest.h"
#include "pin-admin/command.h"
#include "pin-admin/history_view.h"
#include "pin-admin/policy_text.h"
#include "pin-admin/state_view.h"
#include "pin-admin/store_access.h"
#include "pin-admin/value_text.h"
#include "plugins/builtin/builtin.h"

namespace postern {
namespace {

// --limit, or nothing where it is no number.
std::optional<std::size_t> LimitOf(const ParsedCommand& args) {
  const std::string text = args.Get("limit");
  std::size_t limit = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, limit);
  if (error != std::errc() || rest != end || limit == 0) return std::nullopt;
  return limit;
}

// A hash of the history as syslog has it, or nothing for what can't be one.
std::optional<std::string> HeadOf(const ParsedCommand& args) {
  const std::optional<std::string> octets = FromHex(args.Get("head"));
  const bool whole =
      octets && octets->size() == DigestLength(DigestAlgorithm::kSha256);
  return whole ? std::optional(ToHex(*octets)) : std::nullopt;
}

// A domain in the form in which records have it; what is no domain stays.
std::string Canonical(const std::string& text) {
  const Result<Domain> domain = Domain::Parse(text);
  return domain ? domain->str() : text;
}

ExitStatus RunObservations(Context& context) {
  Output& out = context.out;
  ObservationQuery query;
  query.destination = Canonical(context.args.Argument(0));
  const std::optional<std::size_t> limit = LimitOf(context.args);
  if (!limit) return out.Usage("--limit: a number above 0");
  query.limit = *limit;
  const Result<std::vector<Observation>> seen =
      ReadObservations(context, query);
  if (!seen) return out.CouldNot(seen.error());
  Table table;
  table.columns = {{"destination", "DESTINATION"},
                   {"mx_host", "MX HOST"},
                   {"authenticated_by", "PROVEN BY"},
                   {"last_seen", "LAST SEEN"},
                   {"count", "TIMES"},
                   {"spki_sha256", "SPKI SHA-256"},
                   {"cert_sha256", ""},
                   {"names", ""},
                   {"not_after", ""},
                   {"protocol", ""},
                   {"first_seen", ""}};
  bool unproven = false;
  for (const Observation& row : *seen) {
    Json names = Json::MakeArray();
    for (const std::string& name : row.names) names.Add(Clean(name));
    unproven = unproven || row.authenticated_by.empty();
    table.rows.push_back(
        {row.destination, row.mx_host,
         row.authenticated_by.empty() ? Json() : Json(row.authenticated_by),
         FormatTime(row.last_seen), row.count, ToHex(row.spki_sha256),
         ToHex(row.cert_sha256), std::move(names), ToJson(row.not_after),
         row.protocol, FormatTime(row.first_seen)});
  }
  out.Print("observations", table, "Nothing was observed.");
  if (unproven) {
    out.Line(
        "A key without 'proven by' was vouched for by nothing: compare it "
        "with its owner over another channel before you pin it.");
  }
  return ExitStatus::kGood;
}

// Evidence that was cut off must not look like all there is.
void SayMore(Output& out, std::string_view key, bool more, std::size_t limit) {
  out.doc().Set(key, more);
  if (!more) return;
  out.Line(out.Paint(Colour::kWarning, "These are the newest " +
                                           std::to_string(limit) +
                                           ": --limit N shows more."));
}

// The changes, newest first, and whether their chain is whole.
ExitStatus AuditHistory(Context& context, const std::string& about,
                        std::size_t limit, const std::string& expected) {
  Output& out = context.out;
  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  const Result<std::string> head = (*store)->VerifyHistory(expected);
  const Result<std::vector<HistoryEntry>> entries = (*store)->History(0);
  if (!entries) return out.CouldNot(entries.error());
  std::vector<HistoryEntry> shown;
  bool more = false;
  for (const HistoryEntry& entry : *entries) {
    const std::string key = entry.subject.substr(0, entry.subject.find(' '));
    if (!about.empty() && key != about) continue;
    more = shown.size() == limit;
    if (more) break;
    shown.push_back(entry);
  }
  out.Line(out.Paint(Colour::kBold, "Changes"));
  ShowHistory(out, shown);
  SayMore(out, "more_history", more, limit);
  out.doc().Set("history_intact", head.ok());
  if (head) {
    out.doc().Set("head", *head);
    out.Line("The history is whole; it ends in " + *head + ".");
    return ExitStatus::kGood;
  }
  out.doc().Set("head", Json());
  return out.No("the history has been tampered with or is damaged: " +
                head.error().detail() +
                "; compare it with the heads in syslog and with a backup");
}

ExitStatus RunAudit(Context& context) {
  Output& out = context.out;
  const std::string about = Canonical(context.args.Argument(0));
  const std::optional<std::size_t> limit = LimitOf(context.args);
  if (!limit) return out.Usage("--limit: a number above 0");
  std::string expected;
  if (context.args.Has("head")) {
    const std::optional<std::string> head = HeadOf(context.args);
    if (!head) {
      return out.Usage(
          "--head: a hash has 64 hexadecimal digits, as 'head=' in syslog "
          "has them");
    }
    expected = *head;
  }
  VerdictQuery query;
  query.destination = about;
  query.limit = *limit + 1;  // one more: whether there is one
  query.failed_only = context.args.Has("failed");
  const TimePoint now = context.clock.Now();
  if (context.args.Has("since")) {
    const std::string text = context.args.Get("since");
    const Result<std::chrono::seconds> span = ParseSpan(text);
    const Result<TimePoint> time =
        span ? Result<TimePoint>(now - *span) : ParseMoment(text, now);
    if (!time) return out.Usage("--since: write 2d or 2027-01-31");
    query.since = *time;
  }

  // The history first: it needs root, and verdicts are read without.
  const ExitStatus history = AuditHistory(context, about, *limit, expected);
  Result<std::vector<StoredVerdict>> verdicts = ReadVerdicts(context, query);
  if (!verdicts) return Gravest(history, out.CouldNot(verdicts.error()));
  out.Line("");
  out.Line(out.Paint(Colour::kBold, "Verdicts"));
  const bool more = verdicts->size() > *limit;
  if (more) verdicts->pop_back();
  ShowVerdicts(out, *verdicts);
  if (verdicts->empty()) out.Line("There are none.");
  if (!query.failed_only) ShowDelivered(out, *verdicts);
  SayMore(out, "more_verdicts", more, *limit);
  return history;
}

ExitStatus RunPlugins(Context& context) {
  Output& out = context.out;
  const std::vector<std::string>& wanted = context.settings.verifiers;
  Table table;
  table.columns = {{"name", "NAME"},
                   {"enabled", "ENABLED"},
                   {"levels", "LEVELS"},
                   {"what", "WHAT IT DOES"}};
  for (const PluginInfo& plugin : BuiltInPlugins()) {
    const bool enabled =
        std::find(wanted.begin(), wanted.end(), plugin.name) != wanted.end();
    table.rows.push_back({plugin.name, enabled, plugin.levels, plugin.what});
  }
  out.Print("plugins", table, "Nothing is built in.");
  const Status checked = CheckPlugins(wanted, context.settings.leave_out);
  return checked ? ExitStatus::kGood : out.CouldNot(checked.error());
}

}  // namespace

std::vector<Command> RecordCommands() {
  const OptionSpec limit{"limit", 'l', "N", "at most so many, newest first",
                         "50"};
  return {
      {{"observations",
        "list the keys that servers have shown",
        "What each MX host presented, since when, how often, and what proved "
        "it "
        "at the time.",
        {{"DOMAIN", "only of this destination", true}},
        {limit},
        "pin-admin observations bank.example"},
       RunObservations},
      {{"audit",
        "show who changed what, and what became of mail",
        "Recomputes the chained hashes of the history. With --head, a hash "
        "that "
        "syslog has, a shortened history is found as well.",
        {{"DOMAIN", "only of this destination", true}},
        {limit,
         {"since", 's', "TIME", "verdicts since: 2d, or a date"},
         {"failed", 'f', "", "only verdicts that were no"},
         {"head", 0, "HASH", "this hash must be in the history"}},
        "pin-admin audit bank.example\n"
        "pin-admin audit --since 2d --failed"},
       RunAudit},
      {{"plugins",
        "list the verifiers that are built in",
        "",
        {},
        {},
        "pin-admin plugins"},
       RunPlugins},
  };
}

}  // namespace postern
