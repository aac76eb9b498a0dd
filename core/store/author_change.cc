#include "core/store/author_change.h"

#include <algorithm>

#include "core/names/quoted.h"
#include "core/store/author_rules.h"
#include "core/store/stored_row.h"
#include "core/x509/digest.h"

namespace postern {
namespace {

ObjectName NameOf(const PinId& id) {
  return {ObjectKind::kPin,
          PinSubject(id.key, id.kind, id.algorithm, id.digest)};
}

// The line's text, proven to say the same when it is read.
Result<std::string> TextOf(const PolicyLine& line) {
  std::string text = Format(line);
  const Result<PolicyLine> again = ParsePolicyLine(text);
  if (!again) return again.error();
  if (again->key != line.key || Format(*again) != text) {
    return Refused("the line " + Quoted(text) + " would be read differently");
  }
  return text;
}

// Names go into lines (ca=anchor:NAME) and listings.
bool IsAnchorName(std::string_view name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

bool IsPrintable(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

}  // namespace

Status ChangeSet::Make(const Change& change) {
  return std::visit([this](const auto& what) { return Do(what); }, change);
}

Status ChangeSet::Write(const ObjectName& name, std::string_view text) {
  const Result<std::string> stood = file_.Get(name);
  if (!stood) return stood.error();
  before_.emplace(name, *stood);
  return file_.Put(name, text);
}

Status ChangeSet::Do(const SetLine& change) {
  const PolicyLine& line = change.line;
  const Result<std::string> text = TextOf(line);
  if (!text) return text.error();
  if (!line.until) return Write({ObjectKind::kLine, line.key.str()}, *text);
  if (line.key.kind() == PolicyKey::Kind::kDefault) {
    return Refused(
        "the '*' line can't have until=: nothing would be beneath it");
  }
  if (*line.until <= author_.when) {
    return Refused("until=" + FormatTime(*line.until) + " is over already");
  }
  return Write({ObjectKind::kException, line.key.str()}, *text);
}

Status ChangeSet::Do(const RemoveLine& change) {
  const ObjectName line{ObjectKind::kLine, change.key.str()};
  const ObjectName exception{ObjectKind::kException, change.key.str()};
  bool removed = false;
  for (const ObjectName& name : {line, exception}) {
    const Result<std::string> text = file_.Get(name);
    if (!text) return text.error();
    if (text->empty()) continue;
    if (Status written = Write(name, ""); !written) return written;
    removed = true;
  }
  if (!removed) {
    return Refused("there is no line for " + change.key.str() +
                   " (a line for a parent domain or '*' may hold for it)");
  }
  return {};
}

Status ChangeSet::Do(const EndException& change) {
  const ObjectName name{ObjectKind::kException, change.key.str()};
  const Result<std::string> text = file_.Get(name);
  if (!text) return text.error();
  if (text->empty()) {
    return Refused("there is no exception for " + change.key.str());
  }
  return Write(name, "");
}

Status ChangeSet::Credit(std::string& who, TimePoint& when) const {
  if (who.empty()) {
    who = author_.who;
    when = author_.when;
    return {};
  }
  if (!IsPrintable(who) || who.size() > 200) {
    return Refused("who added it must be one line of at most 200 octets");
  }
  return {};
}

Status ChangeSet::Do(const AddPin& change) {
  Pin pin = change.pin;
  if (Status credited = Credit(pin.added_by, pin.added_at); !credited) {
    return credited;
  }
  const Result<PolicyKey> key = PolicyKey::Parse(pin.key);
  if (!key) return key.error();
  pin.key = key->str();
  if (key->kind() == PolicyKey::Kind::kDefault) {
    return Refused("a pin for '*' would be one key for the whole world");
  }
  if (pin.digest.size() != DigestLength(pin.algorithm)) {
    return Refused("a " + std::string(ToString(pin.algorithm)) +
                   " digest has " +
                   std::to_string(DigestLength(pin.algorithm)) +
                   " octets, this one " + std::to_string(pin.digest.size()));
  }
  if (pin.valid_from && pin.valid_until &&
      *pin.valid_from >= *pin.valid_until) {
    return Refused("the pin's time ends before it begins");
  }
  if (!IsPrintable(pin.label) || pin.label.size() > 200) {
    return Refused("the pin's label must be one line of at most 200 octets");
  }
  const ObjectName name = NameOf(IdOf(pin));
  const Result<std::string> stood = file_.Get(name);
  if (!stood) return stood.error();
  if (!stood->empty()) {
    return Refused("that pin of " + pin.key +
                   " is there already; remove or promote it");
  }
  const Result<std::string> text = WritePin(pin);
  if (!text) return text.error();
  return Write(name, *text);
}

Result<std::string> ChangeSet::PinText(const PinId& id) {
  Result<std::string> text = file_.Get(NameOf(id));
  if (text && text->empty()) {
    return Refused("there is no pin " + NameOf(id).subject);
  }
  return text;
}

Status ChangeSet::Do(const RemovePin& change) {
  const Result<std::string> text = PinText(change.id);
  if (!text) return text.error();
  return Write(NameOf(change.id), "");
}

Status ChangeSet::Do(const PromotePin& change) {
  const Result<std::string> text = PinText(change.id);
  if (!text) return text.error();
  Result<Pin> pin = ReadPin(*text);
  if (!pin) return pin.error();
  if (pin->role == PinRole::kActive) {
    return Refused("the pin " + NameOf(change.id).subject +
                   " is active already");
  }
  pin->role = PinRole::kActive;
  const Result<std::string> promoted = WritePin(*pin);
  if (!promoted) return promoted.error();
  return Write(NameOf(change.id), *promoted);
}

Status ChangeSet::Do(const AddAnchor& change) {
  Anchor anchor = change.anchor;
  if (Status credited = Credit(anchor.added_by, anchor.added_at); !credited) {
    return credited;
  }
  if (!IsAnchorName(anchor.name)) {
    return Refused("an anchor's name has letters, digits, '-', '_' and '.'");
  }
  if (anchor.certificate.empty()) {
    return Refused("the anchor has no certificate");
  }
  const ObjectName name{ObjectKind::kAnchor, anchor.name};
  const Result<std::string> stood = file_.Get(name);
  if (!stood) return stood.error();
  if (!stood->empty()) {
    return Refused("there is an anchor '" + anchor.name +
                   "' already; remove it first");
  }
  const Result<std::string> text = WriteAnchor(anchor);
  if (!text) return text.error();
  return Write(name, *text);
}

Status ChangeSet::Do(const RemoveAnchor& change) {
  const ObjectName name{ObjectKind::kAnchor, change.name};
  const Result<std::string> text = file_.Get(name);
  if (!text) return text.error();
  if (text->empty()) {
    return Refused("there is no anchor " + Quoted(change.name));
  }
  return Write(name, "");
}

}  // namespace postern
