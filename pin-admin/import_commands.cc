// pin-admin/import_commands.cc
//
// policy import postfix|cisco, pin import: what other programs have written
// down, in one commit, after showing the difference and every line that could
// not be taken.
#include <algorithm>
#include <array>
#include <filesystem>

#include "core/policy/strength.h"
#include "pin-admin/certificate_facts.h"
#include "pin-admin/change_review.h"
#include "pin-admin/command.h"
#include "pin-admin/policy_text.h"
#include "pin-admin/postfix_source.h"
#include "pin-admin/read_file.h"
#include "pin-admin/store_access.h"
#include "pin-admin/tables/cisco_table.h"
#include "pin-admin/tables/pin_list.h"
#include "pin-admin/tables/postfix_table.h"
#include "pin-admin/value_text.h"

namespace postern {
namespace {

Result<PostfixTableOptions> OptionsForPostfix(Context& context) {
  PostfixTableOptions options;
  options.allow_weak = context.args.Has("allow-weak");
  if (const auto name = context.args.Find("digest")) {
    for (const auto known :
         {DigestAlgorithm::kMd5, DigestAlgorithm::kSha1,
          DigestAlgorithm::kSha256, DigestAlgorithm::kSha512}) {
      if (*name == ToString(known)) options.digest = known;
    }
    if (!options.digest) {
      return Invalid("--digest: '" + *name +
                     "' is none of md5, sha1, sha256 and sha512");
    }
  }
  if (const auto file = context.args.Find("postconf")) {
    const Result<std::string> text = ReadInputFile(*file);
    if (!text) return text.error();
    options.settings = PostfixSettings::Parse(*text);
    if (options.settings.empty()) {
      return Invalid(*file +
                     " has no 'smtp_tls_… = …': it should be the "
                     "output of 'postconf -x'");
    }
    return options;
  }
  Result<PostfixSettings> settings = AskPostconf();
  if (!settings) {
    context.out.Warn("main.cf's settings are not known: " +
                     settings.error().detail());
    return options;
  }
  options.settings = *std::move(settings);
  return options;
}

// Destinations without a line: Postfix's default, and ours.
void CompareDefaults(Context& context, const std::vector<PolicyRow>& rows,
                     const PostfixSettings& settings) {
  const auto level = settings.Get("smtp_tls_security_level");
  if (!level || !level->has_value() || (*level)->empty()) return;
  const Result<PolicyLine> theirs = ParsePolicyLine("* " + **level);
  if (!theirs) return;
  for (const PolicyRow& row : rows) {
    if (row.key.kind() != PolicyKey::Kind::kDefault || !row.line) continue;
    if (const auto loss = WouldWeaken(*theirs, *row.line)) {
      context.out.Warn(
          "for destinations without a line Postfix has "
          "smtp_tls_security_level = " +
          **level + ", and the line '" + Format(*row.line) +
          "' here is weaker: " + *loss + "; 'pin-admin policy set \"*\" " +
          **level + "' makes it the same");
    }
  }
}

// Pins that an import leaves beside those of the table: their keys go on being
// good.
void WarnOfOtherPins(Output& out, const std::vector<PolicyRow>& rows,
                     const ImportedTable& table) {
  for (const ImportedEntry& entry : table.entries) {
    if (entry.pins.empty()) continue;
    for (const PolicyRow& row : rows) {
      if (row.key != entry.line.key) continue;
      const auto others = std::count_if(
          row.pins.begin(), row.pins.end(), [&entry](const Pin& pin) {
            return std::none_of(
                entry.pins.begin(), entry.pins.end(),
                [&pin](const Pin& p) { return IdOf(p) == IdOf(pin); });
          });
      if (others == 0) continue;
      out.Warn(row.key.str() + " keeps " + std::to_string(others) +
               " pins that the table does not have ('pin-admin pin list " +
               row.key.str() + "')");
    }
  }
}

// A file in which there is nothing to take is one that was meant to be another:
// the command before it in the pipe failed, perhaps.
ExitStatus NothingIn(Context& context) {
  context.out.doc().Set("taken", std::uint64_t{0});
  context.out.Warn(context.args.Argument(0) +
                   " has no line to take over: nothing was changed");
  return ExitStatus::kWarning;
}

// The table goes into the store; what stands there already stays.
ExitStatus Import(Context& context, AuthorStore& store,
                  const std::vector<PolicyRow>& rows,
                  const ImportedTable& table) {
  Output& out = context.out;
  ShowComplaints(out, table.complaints);
  if (table.entries.empty() && table.complaints.empty()) {
    return NothingIn(context);
  }
  const std::vector<Change> changes = ImportChanges(rows, table);
  WarnOfWeaker(context, store, rows, changes);
  WarnOfOtherPins(out, rows, table);
  const std::vector<Pin> weak = NewWeakPins(rows, changes);
  if (!weak.empty()) {
    out.Warn(std::to_string(weak.size()) +
             " pins are SHA-1 or MD5 digests, which can be forged: 'pin-admin "
             "pin upgrade --all' replaces those that the servers still match");
  }
  const ExitStatus waits = WarnOfWaiting(context, changes);
  return Gravest(CommitImport(context, store, changes, table.entries.size(),
                              table.complaints),
                 waits);
}

ExitStatus RunPostfixImport(Context& context) {
  Output& out = context.out;
  const std::string name = context.args.Argument(0);
  if (const auto status = NeedsTerminal(context, name)) return *status;
  const Result<std::string> text = ReadPostfixTableText(name);
  if (!text && text.error().reason() == Reason::kRequestInvalid) {
    return out.Usage(text.error().detail());
  }
  if (!text) return out.CouldNot(text.error());  // postmap hangs
  const Result<PostfixTableOptions> options = OptionsForPostfix(context);
  if (!options) return out.Usage(options.error().detail());
  if (options->settings.empty()) {
    out.Line(
        "main.cf is not known (no postconf here, no --postconf): its "
        "defaults are assumed, and what it would have to say is refused.");
  }
  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  const Result<std::vector<PolicyRow>> rows = (*store)->Rows();
  if (!rows) return out.CouldNot(rows.error());
  CompareDefaults(context, *rows, options->settings);
  return Import(context, **store, *rows, ReadPostfixTable(*text, *options));
}

ExitStatus RunCiscoImport(Context& context) {
  Output& out = context.out;
  const std::string path = context.args.Argument(0);
  if (const auto status = NeedsTerminal(context, path)) return *status;
  const Result<std::string> text = ReadInputFile(path);
  if (!text) return out.Usage(text.error().detail());
  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  const Result<std::vector<PolicyRow>> rows = (*store)->Rows();
  if (!rows) return out.CouldNot(rows.error());
  return Import(context, **store, *rows, ReadCiscoTable(*text));
}

Result<PinListOptions> OptionsForPins(const Context& context) {
  PinListOptions options;
  options.allow_weak = context.args.Has("allow-weak");
  const std::string kind = context.args.Get("kind");
  const std::optional<PinKind> known =
      kind == "any" ? PinKind::kAny : PinKindFrom(kind);
  if (!known) {
    return Invalid("--kind: '" + kind + "' is none of spki, cert, any and ca");
  }
  options.kind = *known;
  const std::string role = context.args.Get("role");
  const std::optional<PinRole> known_role = PinRoleFrom(role);
  if (!known_role) {
    return Invalid("--role: '" + role + "' is neither active nor backup");
  }
  options.role = *known_role;
  return options;
}

// The digest of the certificate that a line names, next to the list itself.
Status TakeFile(const Context& context, const std::string& list,
                PinListEntry& entry) {
  if (entry.file.empty()) return {};
  namespace fs = std::filesystem;
  const fs::path path = list == "-" ? fs::path(entry.file)
                                    : fs::path(list).parent_path() / entry.file;
  const Result<std::string> text = ReadInputFile(path.string());
  if (!text) return text.error();
  const Result<std::vector<Json>> found =
      InspectCertificates(context.settings.user, *text);
  if (!found) {
    return Invalid(path.string() + ": " + found.error().detail());
  }
  if (entry.pin.kind == PinKind::kCa && found->size() != 1) {
    return Invalid(path.string() + " has " + std::to_string(found->size()) +
                   " certificates: a ca pin is one");
  }
  return TakeDigest(entry.pin, found->front());
}

// Adds the pins that the store takes, each tried by itself, so that one that no
// line would use costs only its own line.
std::vector<Change> PinChanges(Context& context, AuthorStore& store,
                               const std::vector<PolicyRow>& rows,
                               const std::string& path, PinList& list) {
  std::vector<Change> changes;
  std::vector<PinId> seen;
  for (const PolicyRow& row : rows) {
    for (const Pin& pin : row.pins) seen.push_back(IdOf(pin));
  }
  ImportedTable complaints;
  complaints.complaints = std::move(list.complaints);
  for (PinListEntry& entry : list.entries) {
    if (const Status taken = TakeFile(context, path, entry); !taken) {
      complaints.Refuse(entry.number, entry.subject, taken.error().detail());
      continue;
    }
    const PinId id = IdOf(entry.pin);
    if (std::find(seen.begin(), seen.end(), id) != seen.end()) {
      complaints.Note(entry.number, entry.subject, "that pin is there already");
      continue;
    }
    const std::array<Change, 1> change{AddPin{entry.pin}};
    const Result<Commit> tried =
        store.Apply(change, ThisAdministrator(context), ApplyMode::kDryRun);
    if (!tried) {
      complaints.Refuse(entry.number, entry.subject, tried.error().detail());
      continue;
    }
    seen.push_back(id);
    changes.emplace_back(AddPin{entry.pin});
  }
  std::stable_sort(complaints.complaints.begin(), complaints.complaints.end(),
                   [](const TableComplaint& a, const TableComplaint& b) {
                     return a.number < b.number;
                   });
  list.complaints = std::move(complaints.complaints);
  return changes;
}

ExitStatus RunPinImport(Context& context) {
  Output& out = context.out;
  const std::string path = context.args.Argument(0);
  const Result<PinListOptions> options = OptionsForPins(context);
  if (!options) return out.Usage(options.error().detail());
  if (const auto status = NeedsTerminal(context, path)) return *status;
  const Result<std::string> text = ReadInputFile(path);
  if (!text) return out.Usage(text.error().detail());
  PinList list = ReadPinList(*text, *options);
  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  const Result<std::vector<PolicyRow>> rows = (*store)->Rows();
  if (!rows) return out.CouldNot(rows.error());
  const std::vector<Change> changes =
      PinChanges(context, **store, *rows, path, list);
  ShowComplaints(out, list.complaints);
  if (list.entries.empty() && list.complaints.empty()) {
    return NothingIn(context);
  }
  const std::size_t refused = static_cast<std::size_t>(
      std::count_if(list.complaints.begin(), list.complaints.end(),
                    [](const TableComplaint& c) {
                      return c.weight == TableComplaint::Weight::kRefused;
                    }));
  const std::size_t lines = list.entries.size() + list.complaints.size();
  return CommitImport(context, **store, changes,
                      lines > refused ? lines - refused : 0, list.complaints);
}

constexpr std::string_view kAllowWeak =
    "take MD5 and SHA-1 digests, until 'pin upgrade' replaces them";

}  // namespace

std::vector<Command> ImportCommands() {
  return {
      {{"policy import postfix",
        "take over Postfix's smtp_tls_policy_maps",
        "FILE is the table's source, or what main.cf says: "
        "hash:/etc/postfix/tls_policy. Its lines are added and replace lines "
        "of the same key; others stay. Fingerprints become pins of the kind "
        "any. What main.cf decides (digest, default matches, protocols, "
        "authorities) is asked of postconf. A line that can't be held to as "
        "it stands is refused with the reason, never taken as a weaker one.",
        {{"FILE", "the table, or - for standard input"}},
        {{"postconf", 0, "FILE",
          "main.cf's settings: the output of 'postconf -x' on the host that "
          "the table is from"},
         {"digest", 0, "NAME",
          "smtp_tls_fingerprint_digest: md5, sha1, sha256 or sha512"},
         {"allow-weak", 0, "", kAllowWeak},
         PartialOption(),
         YesOption("do not ask"),
         DryRunOption()},
        "pin-admin policy import postfix /etc/postfix/tls_policy --dry-run\n"
        "pin-admin policy import postfix hash:/etc/postfix/tls_policy\n"
        "postmap -s hash:/etc/postfix/tls_policy > table.txt; postconf -x > "
        "conf.txt\n"
        "pin-admin policy import postfix table.txt --postconf conf.txt"},
       RunPostfixImport},
      {{"policy import cisco",
        "take over a Cisco appliance's destination controls",
        "FILE is what destconfig's EXPORT writes. Each section's table_tls "
        "becomes one of the six settings that policy lines know by Cisco's "
        "names; [DEFAULT] becomes the line of *. Limits and bounce profiles "
        "stay with the appliance.",
        {{"FILE", "the exported file, or - for standard input"}},
        {PartialOption(), YesOption("do not ask"), DryRunOption()},
        "pin-admin policy import cisco destconfig.txt --dry-run\n"
        "pin-admin policy import cisco destconfig.txt"},
       RunCiscoImport},
      {{"pin import",
        "add the pins of a list",
        "A line has a key, a digest or the file of a certificate and, if "
        "wanted, a label and a role; as CSV or parted by blanks. Files are "
        "looked for beside the list. A digest of a whole certificate needs "
        "--kind cert, one that may be either --kind any.",
        {{"FILE", "the list, or - for standard input"}},
        {{"kind", 'k', "KIND",
          "what the digests are of: spki, cert, any (either) or ca", "spki"},
         {"role", 'r', "ROLE", "where a line names none: active or backup",
          "active"},
         {"allow-weak", 0, "", kAllowWeak},
         PartialOption(),
         YesOption("do not ask"),
         DryRunOption()},
        "pin-admin pin import pins.csv --dry-run\n"
        "pin-admin pin import fingerprints.txt --kind cert"},
       RunPinImport},
  };
}

}  // namespace postern
