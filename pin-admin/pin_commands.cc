// pin-admin/pin_commands.cc
//
// pin add, list, remove, promote. A pin is only as good as the comparison that
// came before it: nothing here takes a key from the network unasked.
#include <array>

#include "pin-admin/certificate_facts.h"
#include "pin-admin/command.h"
#include "pin-admin/live_pin.h"
#include "pin-admin/pin_input.h"
#include "pin-admin/policy_text.h"
#include "pin-admin/read_file.h"
#include "pin-admin/store_access.h"
#include "pin-admin/value_text.h"

namespace postern {
namespace {

constexpr std::string_view kCompare =
    "Compare the digest with the server's owner over another channel first.";

// Exactly one of the three says where the key comes from.
Result<std::string> SourceOf(const ParsedCommand& args) {
  std::string source;
  for (const char* option : {"digest", "from-file", "from-live"}) {
    if (!args.Has(option)) continue;
    if (!source.empty()) {
      return Error(Reason::kRequestInvalid,
                   "--" + source + " and --" + option + ": only one of them");
    }
    source = option;
  }
  if (source.empty()) {
    return Error(Reason::kRequestInvalid,
                 "which key? Give --digest, --from-file or --from-live");
  }
  return source;
}

// A certificate's fingerprint pinned as a key would match nothing, ever.
Status TakeKindOf(const DigestText& digest, Context& context, Pin& pin) {
  if (!digest.of_certificate || pin.kind != PinKind::kSpki) return {};
  if (context.args.Has("kind")) {
    return Error(Reason::kRequestInvalid,
                 "--digest: openssl's 'Fingerprint=' is of the certificate, "
                 "and --kind spki wants the digest of its key: give --kind "
                 "cert, or the key's digest");
  }
  pin.kind = PinKind::kCert;
  context.out.Warn(
      "'Fingerprint=' is of the certificate, so that is what is pinned (kind "
      "cert): the pin ends with the certificate. A pin of the key outlives a "
      "renewal");
  return {};
}

Result<Pin> PinFromDigest(Context& context, Pin pin) {
  const Result<DigestText> digest = ParseDigest(context.args.Get("digest"));
  if (!digest) {
    return Error(Reason::kRequestInvalid,
                 "--digest: " + digest.error().detail());
  }
  const Status kind = TakeKindOf(*digest, context, pin);
  if (!kind) return kind.error();
  if (context.args.Has("algorithm") && digest->algorithm != pin.algorithm) {
    return Error(Reason::kRequestInvalid,
                 "--digest is not as long as --algorithm says");
  }
  pin.algorithm = digest->algorithm;
  pin.digest = digest->octets;
  return pin;
}

Result<Pin> PinFromFile(Context& context, Pin pin) {
  const std::string path = context.args.Get("from-file");
  const Result<std::string> text = ReadInputFile(path);
  if (!text) return text.error();
  const Result<std::vector<Json>> found =
      InspectCertificates(context.settings.user, *text);
  if (!found) {
    return Error(found.error().reason(), path + ": " + found.error().detail());
  }
  if (pin.kind == PinKind::kCa && found->size() != 1) {
    return Error(Reason::kRequestInvalid,
                 "the file has " + std::to_string(found->size()) +
                     " certificates: a ca pin is one, give it alone");
  }
  const Json& certificate = found->front();
  const Status taken = TakeDigest(pin, certificate);
  if (!taken) return taken.error();
  ShowCertificate(context.out, certificate, context.clock.Now());
  context.out.doc().Set("certificate", certificate);
  if (found->size() > 1) {
    context.out.Line("  (the first of " + std::to_string(found->size()) +
                     " certificates in the file, the server's own)");
  }
  if (NotAfter(certificate) < context.clock.Now()) {
    context.out.Warn(
        "this certificate has expired; a leaf pin does not mind, "
        "its owner may");
  }
  return pin;
}

// What the pin will do, once it is there.
void Advise(Context& context, const PolicyRow* row, const Pin& pin) {
  const bool first = row == nullptr || row->pins.empty();
  if (pin.role == PinRole::kBackup && first) {
    context.out.Warn(
        "a backup pin and no active one: mail goes to whoever has "
        "the backup key");
  }
  if (pin.role == PinRole::kActive && first) {
    context.out.Line(
        "One pin only: ask for the digest of the next key as well "
        "and add it with --role backup, then a change of keys "
        "stops no mail.");
  }
}

ExitStatus RunPinAdd(Context& context) {
  Output& out = context.out;
  const Result<std::string> source = SourceOf(context.args);
  if (!source) return out.Usage(source.error().detail());
  const Result<Pin> blank = PinFromOptions(context);
  if (!blank) return out.Usage(blank.error().detail());
  if (*source == "from-live") return AddLivePins(context, *blank);

  const Result<Pin> pin = *source == "digest" ? PinFromDigest(context, *blank)
                                              : PinFromFile(context, *blank);
  if (!pin) return Refuse(out, pin.error());
  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  const Result<PolicyKey> key = PolicyKey::Parse(pin->key);
  if (!key) return out.CouldNot(key.error());
  const Result<std::optional<PolicyRow>> row = (*store)->Find(*key);
  if (!row) return out.CouldNot(row.error());
  out.doc().Set("pin", ToJson(*pin));
  const std::array<Change, 1> changes{AddPin{*pin}};
  const ExitStatus status = CommitChanges(context, **store, changes);
  if (status == ExitStatus::kGood) {
    Advise(context, row->has_value() ? &**row : nullptr, *pin);
  }
  return status;
}

ExitStatus RunPinList(Context& context) {
  Output& out = context.out;
  std::string wanted = context.args.Argument(0);
  if (!wanted.empty()) {
    const Result<PolicyKey> key = PolicyKey::Parse(wanted);
    if (!key) return out.Usage(key.error().detail());
    wanted = key->str();
  }
  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  const TimePoint now = context.clock.Now();
  Table table;
  table.columns = {
      {"key", "KEY"},       {"kind", "KIND"},   {"algorithm", ""},
      {"role", "ROLE"},     {"state", "STATE"}, {"label", "LABEL"},
      {"digest", "DIGEST"}, {"valid_from", ""}, {"valid_until", ""},
      {"added_by", ""},     {"added_at", ""},   {"weak", ""}};
  const Status read = (*store)->ForEachRow([&](const PolicyRow& row) -> Status {
    if (!wanted.empty() && row.key.str() != wanted) return {};
    for (const Pin& pin : row.pins) {
      std::string state = "in force";
      if (pin.valid_from && *pin.valid_from > now) state = "not yet";
      if (pin.valid_until) {
        state = *pin.valid_until <= now
                    ? "ended"
                    : "ends " + Relative(*pin.valid_until, now);
      }
      table.rows.push_back(
          {pin.key, ToString(pin.kind), ToString(pin.algorithm),
           ToString(pin.role), state, pin.label, ToHex(pin.digest),
           ToJson(pin.valid_from), ToJson(pin.valid_until), pin.added_by,
           FormatTime(pin.added_at), IsWeak(pin.algorithm)});
    }
    return {};
  });
  if (!read) return out.CouldNot(read.error());
  out.Print("pins", table, "There are no pins.");
  return ExitStatus::kGood;
}

// The pin that KEY and WHICH name.
Result<Pin> NamedPin(Context& context, AuthorStore& store) {
  const Result<PolicyKey> key = PolicyKey::Parse(context.args.Argument(0));
  if (!key) return Error(Reason::kRequestInvalid, key.error().detail());
  const Result<std::optional<PolicyRow>> row = store.Find(*key);
  if (!row) return row.error();
  return FindPin(row->has_value() ? (*row)->pins : std::vector<Pin>(),
                 context.args.Argument(1));
}

ExitStatus RunPinRemove(Context& context) {
  Output& out = context.out;
  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  const Result<Pin> pin = NamedPin(context, **store);
  if (!pin) return Refuse(out, pin.error());
  const Result<PolicyKey> key = PolicyKey::Parse(pin->key);
  if (!key) return out.CouldNot(key.error());
  const Result<std::optional<PolicyRow>> row = (*store)->Find(*key);
  if (!row) return out.CouldNot(row.error());
  if (row->has_value() && (*row)->pins.size() == 1 && (*row)->line &&
      (*row)->line->level == Level::kFingerprint) {
    out.Warn("this is its last pin: mail to " + pin->key +
             " waits until there is another");
  }
  const std::array<Change, 1> changes{RemovePin{IdOf(*pin)}};
  return CommitChanges(context, **store, changes);
}

ExitStatus RunPromote(Context& context) {
  Output& out = context.out;
  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  const Result<Pin> pin = NamedPin(context, **store);
  if (!pin) return Refuse(out, pin.error());
  if (pin->role == PinRole::kActive)
    return out.No("that pin is active already");
  const std::array<Change, 1> changes{PromotePin{IdOf(*pin)}};
  const ExitStatus status = CommitChanges(context, **store, changes);
  if (status == ExitStatus::kGood) {
    out.Line(
        "Once no server shows the old key any more: 'pin-admin pin remove " +
        pin->key + " DIGEST'. Then ask for the next backup key.");
  }
  return status;
}

}  // namespace

std::vector<Command> PinCommands() {
  const std::vector<ArgumentSpec> which{
      {"KEY", "whose pin"},
      {"WHICH", "its label, or its digest's first 8 digits or more"}};
  return {
      {{"pin add",
        "add a pin of a destination's key",
        kCompare,
        {{"KEY", "a domain, .domain or [host]:port"}},
        {{"digest", 'd', "DIGEST",
          "hexadecimal, with or without colons, base64, or what openssl "
          "prints"},
         {"from-file", 'f', "FILE", "a certificate, PEM or DER"},
         {"from-live", 'l', "", "connect, show what would be pinned, and ask"},
         {"kind", 'k', "KIND",
          "spki: the key; cert: this certificate; ca: an "
          "authority",
          "spki"},
         {"algorithm", 0, "NAME", "sha256 or sha512", "sha256"},
         {"role", 'r', "ROLE", "active, or backup for the next key", "active"},
         {"label", 0, "TEXT", "what you call it"},
         {"valid-from", 0, "TIME", "not before: a date, or +4h"},
         {"valid-until", 0, "TIME", "not after"},
         YesOption(
             "with --from-live: do not ask, if something else vouches for "
             "the key"),
         DryRunOption()},
        "pin-admin pin add bank.example --digest "
        "3F:9A:… --label 'mx 2026'\n"
        "pin-admin pin add bank.example --from-file next.pem --role backup\n"
        "pin-admin pin add bank.example --from-live"},
       RunPinAdd},
      {{"pin list",
        "list pins",
        "",
        {{"KEY", "only of this key", true}},
        {},
        "pin-admin pin list\n"
        "pin-admin pin list bank.example"},
       RunPinList},
      {{"pin remove",
        "remove a pin",
        "",
        which,
        {DryRunOption()},
        "pin-admin pin remove bank.example 3f9a04d1\n"
        "pin-admin pin remove bank.example 'mx 2026'"},
       RunPinRemove},
      {{"pin promote",
        "make a backup pin an active one",
        "The last step of a change of keys: the server shows the new key, "
        "which "
        "so far matched as backup. The old pin stays until it is removed.",
        which,
        {DryRunOption()},
        "pin-admin pin promote bank.example 'mx 2027'"},
       RunPromote},
  };
}

}  // namespace postern
