#include "pin-admin/policy_file.h"

#include <algorithm>
#include <set>

#include "pin-admin/value_text.h"

namespace postern {
namespace {

constexpr std::string_view kBlanks = " \t";

Error At(int number, const std::string& detail) {
  return Invalid("line " + std::to_string(number) + ": " + detail);
}

// Words parted by blanks; quotes around a value keep its blanks, and in them a
// backslash stands before a quote and before another backslash.
Result<std::vector<std::string>> SplitQuoted(std::string_view text) {
  std::vector<std::string> words;
  bool quoted = false, open = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    const bool escape = quoted && c == '\\' && i + 1 < text.size() &&
                        (text[i + 1] == '"' || text[i + 1] == '\\');
    if (escape) {
      c = text[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && kBlanks.find(c) != std::string_view::npos) {
      open = false;
      continue;
    }
    if (!open) words.emplace_back();
    open = true;
    if (escape || c != '"') words.back() += c;
  }
  if (quoted) return Invalid("a quote is not closed");
  return words;
}

struct NamedValue {
  std::string name, value;
};
NamedValue SplitWord(const std::string& word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos) return {word, ""};
  return {word.substr(0, equals), word.substr(equals + 1)};
}

Result<TimePoint> TimeOf(const std::string& value) {
  const std::optional<TimePoint> time = ParseTime(value);
  if (!time) return Invalid("'" + value + "' is no time: write 2027-01-31");
  return *time;
}

// certificate=, added-by= and added=, which pins and anchors have alike.
// Nothing: the word is none of them.
std::optional<Status> SetOrigin(const NamedValue& word,
                                std::string& certificate, std::string& who,
                                TimePoint& when) {
  if (word.name == "certificate") {
    const std::optional<std::string> octets = FromBase64(word.value);
    if (!octets || octets->empty()) {
      return Status(Invalid("certificate= is not base64"));
    }
    certificate = *octets;
    return Status();
  }
  if (word.name == "added-by") {
    who = word.value;
    return Status();
  }
  if (word.name != "added") return std::nullopt;
  const Result<TimePoint> time = TimeOf(word.value);
  if (!time) return Status(time.error());
  when = *time;
  return Status();
}

Status SetAttribute(Pin& pin, const std::string& text) {
  const NamedValue word = SplitWord(text);
  if (word.name == "role") {
    const std::optional<PinRole> role = PinRoleFrom(word.value);
    if (!role) {
      return Invalid("'" + word.value + "' is no role: active or backup");
    }
    pin.role = *role;
    return {};
  }
  if (word.name == "from" || word.name == "until") {
    const Result<TimePoint> time = TimeOf(word.value);
    if (!time) return time.error();
    (word.name == "from" ? pin.valid_from : pin.valid_until) = *time;
    return {};
  }
  if (word.name == "label") {
    pin.label = word.value;
    return {};
  }
  if (auto set = SetOrigin(word, pin.certificate, pin.added_by, pin.added_at)) {
    return *std::move(set);
  }
  return Invalid("'" + text +
                 "' is no attribute of a pin: role=, from=, until=, label=, "
                 "certificate=, added-by=, added=");
}

// `any` is made by imports only, so PinKindFrom() does not know it.
std::optional<PinKind> KindFrom(const std::string& word) {
  return word == "any" ? PinKind::kAny : PinKindFrom(word);
}

Result<Pin> ParsePinLine(std::string_view text, const PolicyKey& key) {
  const Result<std::vector<std::string>> words = SplitQuoted(text);
  if (!words) return words.error();
  if (words->size() < 3 || (*words)[0] != "pin") {
    return Invalid("an indented line is a pin: 'pin spki sha256:DIGEST …'");
  }
  Pin pin;
  pin.key = key.str();
  const std::optional<PinKind> kind = KindFrom((*words)[1]);
  if (!kind) {
    return Invalid("'" + (*words)[1] +
                   "' is no kind of pin: spki, cert, any or ca");
  }
  pin.kind = *kind;
  Result<DigestText> digest = ParseDigest((*words)[2], WeakDigests::kTake);
  if (!digest) return digest.error();
  pin.algorithm = digest->algorithm;
  pin.digest = std::move(digest->octets);
  for (std::size_t i = 3; i < words->size(); ++i) {
    const Status set = SetAttribute(pin, (*words)[i]);
    if (!set) return set.error();
  }
  if (!pin.certificate.empty() && pin.kind != PinKind::kCa) {
    return Invalid("certificate= is for pins of the kind ca");
  }
  return pin;
}

Result<Anchor> ParseAnchor(const std::vector<std::string>& words) {
  Anchor anchor;
  if (words.size() < 3) {
    return Invalid("an anchor is '@anchor NAME certificate=BASE64'");
  }
  anchor.name = words[1];
  for (std::size_t i = 2; i < words.size(); ++i) {
    auto set = SetOrigin(SplitWord(words[i]), anchor.certificate,
                         anchor.added_by, anchor.added_at);
    if (!set) {
      return Invalid("'" + words[i] +
                     "' is no attribute of an anchor: certificate=, "
                     "added-by=, added=");
    }
    if (!*set) return set->error();
  }
  if (anchor.certificate.empty()) {
    return Invalid("the anchor has no certificate=");
  }
  return anchor;
}

class Reader {
 public:
  Status Take(std::string_view line) {
    const std::size_t start = line.find_first_not_of(kBlanks);
    if (start == std::string_view::npos || line[start] == '#') return {};
    if (start > 0) return TakePin(line.substr(start));
    if (line[0] == '@') return TakeDirective(line);
    return TakeLine(line);
  }
  PolicyFile Done() && { return std::move(file_); }

 private:
  // So that a second one is an error and not the one that counts.
  Status Once(const std::string& what) {
    if (seen_.insert(what).second) return {};
    return Invalid("a second " + what);
  }

  Status TakePin(std::string_view text) {
    if (!key_) return Invalid("a pin needs the line it belongs to above it");
    Result<Pin> pin = ParsePinLine(text, *key_);
    if (!pin) return pin.error();
    const PinId id = IdOf(*pin);
    const auto same = [&id](const Pin& p) { return IdOf(p) == id; };
    if (std::any_of(file_.pins.begin(), file_.pins.end(), same)) {
      return Invalid("that pin of " + pin->key + " is there twice");
    }
    file_.pins.push_back(std::move(*pin));
    return {};
  }

  Status TakeDirective(std::string_view text) {
    key_.reset();
    const Result<std::vector<std::string>> words = SplitQuoted(text);
    if (!words) return words.error();
    if (words->size() == 1 && words->front() == "@whole") {
      file_.whole = true;
      return {};
    }
    if (words->front() != "@anchor") {
      return Invalid("'" + words->front() +
                     "' is none of @whole and @anchor NAME");
    }
    Result<Anchor> anchor = ParseAnchor(*words);
    if (!anchor) return anchor.error();
    if (Status once = Once("anchor " + anchor->name); !once) return once;
    file_.anchors.push_back(std::move(*anchor));
    return {};
  }

  Status TakeLine(std::string_view text) {
    key_.reset();
    const Result<std::vector<std::string>> words = SplitQuoted(text);
    if (words && words->size() == 2 && words->back() == "pins") {
      const Result<PolicyKey> key = PolicyKey::Parse(words->front());
      if (!key) return Invalid(key.error().detail());
      key_ = *key;
      return {};
    }
    Result<PolicyLine> line = ParsePolicyLine(text);
    if (!line) return Invalid(line.error().detail());
    key_ = line->key;
    const std::string what = line->until ? "exception" : "line";
    if (Status once = Once(what + " for " + line->key.str()); !once) {
      return once;
    }
    file_.lines.push_back(std::move(*line));
    return {};
  }

  PolicyFile file_;
  std::optional<PolicyKey> key_;  // whose pins follow
  std::set<std::string> seen_;
};

}  // namespace

Result<PolicyFile> ParsePolicyFile(std::string_view text) {
  Reader reader;
  int number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (Status taken = reader.Take(line); !taken) {
      return At(number, taken.error().detail());
    }
  }
  return std::move(reader).Done();
}

}  // namespace postern
