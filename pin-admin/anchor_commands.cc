// pin-admin/anchor_commands.cc
//
// anchor add, list, remove: authorities to trust for single destinations, named
// by ca=anchor:NAME.
#include <algorithm>
#include <array>

#include "pin-admin/certificate_facts.h"
#include "pin-admin/command.h"
#include "pin-admin/read_file.h"
#include "pin-admin/store_access.h"

namespace postern {
namespace {

bool IsAnchorName(const std::string& name) {
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
             ".") == std::string::npos;
}

ExitStatus RunAnchorAdd(Context& context) {
  Output& out = context.out;
  const std::string name = context.args.Argument(0);
  if (!IsAnchorName(name)) {
    return out.Usage("'" + name +
                     "' is no name for an anchor: letters, digits, "
                     "'-', '_' and '.', at most 64");
  }
  const std::string path = context.args.Argument(1);
  const Result<std::string> text = ReadInputFile(path);
  if (!text) return out.Usage(text.error().detail());
  const Result<std::vector<Json>> found =
      InspectCertificates(context.settings.user, *text);
  if (!found) {
    return Refuse(out, Error(found.error().reason(),
                             path + ": " + found.error().detail()));
  }
  if (found->size() != 1) {
    return out.Usage("the file has " + std::to_string(found->size()) +
                     " certificates: an anchor is one, give it alone");
  }
  const Json& certificate = found->front();
  ShowCertificate(out, certificate, context.clock.Now());
  out.doc().Set("certificate", certificate);
  if (NotAfter(certificate) < context.clock.Now()) {
    out.Warn("this certificate has expired: no chain will end at it");
  }
  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  Anchor anchor;
  anchor.name = name;
  anchor.certificate = DerOf(certificate);
  const std::array<Change, 1> changes{AddAnchor{anchor}};
  const ExitStatus status = CommitChanges(context, **store, changes);
  if (status == ExitStatus::kGood) {
    out.Line("Use it in a line as ca=anchor:" + name + ".");
  }
  return status;
}

ExitStatus RunAnchorList(Context& context) {
  Output& out = context.out;
  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  const Result<std::vector<Anchor>> anchors = (*store)->Anchors();
  if (!anchors) return out.CouldNot(anchors.error());
  Table table;
  table.columns = {{"name", "NAME"},
                   {"subject", "SUBJECT"},
                   {"not_after", "VALID UNTIL"},
                   {"cert_sha256", "SHA-256"},
                   {"added_by", ""},
                   {"added_at", ""}};
  for (const Anchor& anchor : *anchors) {
    const Result<std::vector<Json>> found =
        InspectCertificates(context.settings.user, anchor.certificate);
    const Json details = found ? found->front() : Json();
    table.rows.push_back({anchor.name, details["subject"], details["not_after"],
                          details["cert_sha256"], anchor.added_by,
                          FormatTime(anchor.added_at)});
  }
  out.Print("anchors", table, "There are no anchors.");
  return ExitStatus::kGood;
}

ExitStatus RunAnchorRemove(Context& context) {
  Output& out = context.out;
  const std::string name = context.args.Argument(0);
  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  const Result<std::vector<Anchor>> anchors = (*store)->Anchors();
  if (!anchors) return out.CouldNot(anchors.error());
  const bool there = std::any_of(
      anchors->begin(), anchors->end(),
      [&name](const Anchor& anchor) { return anchor.name == name; });
  if (!there) return out.No("there is no anchor '" + name + "'");
  const std::array<Change, 1> changes{RemoveAnchor{name}};
  return CommitChanges(context, **store, changes);
}

}  // namespace

std::vector<Command> AnchorCommands() {
  return {
      {{"anchor add",
        "keep an authority's certificate in the store",
        "Lines trust it by ca=anchor:NAME, for their destination only. Compare "
        "its digest with its owner over another channel first.",
        {{"NAME", "what lines call it"},
         {"FILE", "its certificate, PEM or DER"}},
        {DryRunOption()},
        "pin-admin anchor add partner-ca partner-ca.pem\n"
        "pin-admin policy set partner.example secure ca=anchor:partner-ca"},
       RunAnchorAdd},
      {{"anchor list", "list anchors", "", {}, {}, "pin-admin anchor list"},
       RunAnchorList},
      {{"anchor remove",
        "remove an anchor that no line names",
        "",
        {{"NAME", "what lines called it"}},
        {DryRunOption()},
        "pin-admin anchor remove partner-ca"},
       RunAnchorRemove},
  };
}

}  // namespace postern
