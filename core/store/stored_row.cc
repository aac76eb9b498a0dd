#include "core/store/stored_row.h"

#include <array>
#include <nlohmann/json.hpp>

#include "core/store/database.h"
#include "core/x509/digest.h"

namespace postern {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kAnchorPrefix = "anchor:";

// A value and its word, for the enumerations of pins.
template <typename Value>
struct Word {
  Value value;
  std::string_view text;
};
constexpr std::array kKinds{Word<PinKind>{PinKind::kSpki, "spki"},
                            Word<PinKind>{PinKind::kCert, "cert"},
                            Word<PinKind>{PinKind::kAny, "any"},
                            Word<PinKind>{PinKind::kCa, "ca"}};
constexpr std::array kRoles{Word<PinRole>{PinRole::kActive, "active"},
                            Word<PinRole>{PinRole::kBackup, "backup"}};
constexpr std::array kAlgorithms{
    Word<DigestAlgorithm>{DigestAlgorithm::kSha256, "sha256"},
    Word<DigestAlgorithm>{DigestAlgorithm::kSha512, "sha512"},
    Word<DigestAlgorithm>{DigestAlgorithm::kSha1, "sha1"},
    Word<DigestAlgorithm>{DigestAlgorithm::kMd5, "md5"}};

template <typename Words, typename Value>
std::string WordOf(const Words& words, Value value) {
  for (const auto& word : words) {
    if (word.value == value) return std::string(word.text);
  }
  return "unknown";
}

// Sets `value`; false for a word that is not among them.
template <typename Words, typename Value>
bool Read(const Words& words, const Json& json, const char* name,
          Value& value) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return false;
  for (const auto& word : words) {
    if (word.text == found->template get_ref<const std::string&>()) {
      value = word.value;
      return true;
    }
  }
  return false;
}

bool ReadText(const Json& json, const char* name, std::string& text) {
  const auto found = json.find(name);
  if (found == json.end()) return true;
  if (!found->is_string()) return false;
  text = found->get<std::string>();
  return true;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool ReadOctets(const Json& json, const char* name, std::string& octets) {
  std::string text;
  if (!ReadText(json, name, text) || text.size() % 2 != 0) return false;
  octets.clear();
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = HexDigit(text[i]);
    const int low = HexDigit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    octets += static_cast<char>(high << 4 | low);
  }
  return true;
}

bool ReadMoment(const Json& json, const char* name,
                std::optional<TimePoint>& moment) {
  std::string text;
  if (!ReadText(json, name, text)) return false;
  moment = text.empty() ? std::nullopt : ParseTime(text);
  return text.empty() || moment.has_value();
}

Result<Json> ParseObject(std::string_view text) {
  // No exceptions: what does not parse comes back as "discarded".
  Json json = Json::parse(text.begin(), text.end(), nullptr, false);
  if (!json.is_object()) return StoreError("a stored text is not JSON");
  return json;
}

Result<std::string> Dump(const Json& json) {
  try {
    return json.dump();
  } catch (const Json::exception&) {
    return Error(Reason::kPolicyInvalid, "the text is not UTF-8");
  }
}

Result<std::optional<PolicyLine>> ReadLine(const PolicyKey& key,
                                           const std::string& text) {
  if (text.empty()) return std::optional<PolicyLine>();
  Result<PolicyLine> line = ParsePolicyLine(text);
  if (!line) {
    return StoreError("the line stored for " + key.str() +
                      " does not parse: " + line.error().detail());
  }
  if (line->key != key) {
    return StoreError("the line stored for " + key.str() + " is another's");
  }
  return std::optional<PolicyLine>(*std::move(line));
}

}  // namespace

std::string PinSubject(std::string_view key, PinKind kind,
                       DigestAlgorithm algorithm, std::string_view digest) {
  return std::string(key) + " " + WordOf(kKinds, kind) + " " +
         WordOf(kAlgorithms, algorithm) + " " + ToHex(digest);
}

std::string_view AnchorName(const PolicyLine& line) {
  const std::string_view ca = line.ca;
  if (!ca.starts_with(kAnchorPrefix)) return {};
  return ca.substr(kAnchorPrefix.size());
}

Result<std::string> WritePin(const Pin& pin) {
  Json json{{"key", pin.key},
            {"kind", WordOf(kKinds, pin.kind)},
            {"algorithm", WordOf(kAlgorithms, pin.algorithm)},
            {"digest", ToHex(pin.digest)},
            {"role", WordOf(kRoles, pin.role)},
            {"added-by", pin.added_by},
            {"added-at", FormatTime(pin.added_at)}};
  if (pin.valid_from) json["valid-from"] = FormatTime(*pin.valid_from);
  if (pin.valid_until) json["valid-until"] = FormatTime(*pin.valid_until);
  if (!pin.label.empty()) json["label"] = pin.label;
  if (!pin.certificate.empty()) json["certificate"] = ToHex(pin.certificate);
  return Dump(json);
}

Result<Pin> ReadPin(std::string_view text) {
  const Result<Json> json = ParseObject(text);
  if (!json) return json.error();
  Pin pin;
  std::optional<TimePoint> added_at;
  const bool whole = ReadText(*json, "key", pin.key) && !pin.key.empty() &&
                     Read(kKinds, *json, "kind", pin.kind) &&
                     Read(kAlgorithms, *json, "algorithm", pin.algorithm) &&
                     ReadOctets(*json, "digest", pin.digest) &&
                     pin.digest.size() == DigestLength(pin.algorithm) &&
                     Read(kRoles, *json, "role", pin.role) &&
                     ReadMoment(*json, "valid-from", pin.valid_from) &&
                     ReadMoment(*json, "valid-until", pin.valid_until) &&
                     ReadText(*json, "label", pin.label) &&
                     ReadText(*json, "added-by", pin.added_by) &&
                     ReadMoment(*json, "added-at", added_at) &&
                     ReadOctets(*json, "certificate", pin.certificate);
  if (!whole) return StoreError("a stored pin is not one");
  pin.added_at = added_at.value_or(TimePoint{});
  return pin;
}

Result<std::string> WriteAnchor(const Anchor& anchor) {
  return Dump(Json{{"name", anchor.name},
                   {"certificate", ToHex(anchor.certificate)},
                   {"added-by", anchor.added_by},
                   {"added-at", FormatTime(anchor.added_at)}});
}

Result<Anchor> ReadAnchor(std::string_view text) {
  const Result<Json> json = ParseObject(text);
  if (!json) return json.error();
  Anchor anchor;
  std::optional<TimePoint> added_at;
  const bool whole = ReadText(*json, "name", anchor.name) &&
                     ReadOctets(*json, "certificate", anchor.certificate) &&
                     ReadText(*json, "added-by", anchor.added_by) &&
                     ReadMoment(*json, "added-at", added_at);
  if (!whole || anchor.name.empty() || anchor.certificate.empty()) {
    return StoreError("a stored anchor is not one");
  }
  anchor.added_at = added_at.value_or(TimePoint{});
  return anchor;
}

Result<PolicyRow> ParseStoredRow(const StoredRow& row) {
  const Result<PolicyKey> key = PolicyKey::Parse(row.key);
  if (!key || key->str() != row.key) {
    return StoreError("a stored key is not one");
  }
  PolicyRow parsed;
  parsed.key = *key;
  Result<std::optional<PolicyLine>> line = ReadLine(*key, row.line);
  if (!line) return line.error();
  parsed.line = *std::move(line);
  Result<std::optional<PolicyLine>> exception = ReadLine(*key, row.exception);
  if (!exception) return exception.error();
  parsed.exception = *std::move(exception);
  for (const std::string& text : row.pins) {
    Result<Pin> pin = ReadPin(text);
    if (!pin) return pin.error();
    if (pin->key != row.key) return StoreError("a stored pin is another key's");
    parsed.pins.push_back(*std::move(pin));
  }
  for (const std::string& text : row.anchors) {
    Result<Anchor> anchor = ReadAnchor(text);
    if (!anchor) return anchor.error();
    parsed.anchors.push_back(*std::move(anchor));
  }
  return parsed;
}

Result<std::string> WriteBody(const StoredRow& row) {
  Json json = Json::object();
  if (!row.line.empty()) json["line"] = row.line;
  if (!row.exception.empty()) json["exception"] = row.exception;
  if (!row.pins.empty()) json["pins"] = row.pins;
  if (!row.anchors.empty()) json["anchors"] = row.anchors;
  return Dump(json);
}

Result<StoredRow> ReadBody(std::string key, std::string_view body) {
  const Result<Json> json = ParseObject(body);
  if (!json) return json.error();
  StoredRow row;
  row.key = std::move(key);
  bool whole = ReadText(*json, "line", row.line) &&
               ReadText(*json, "exception", row.exception);
  const auto read_list = [&](const char* name, std::vector<std::string>& list) {
    const auto found = json->find(name);
    if (found == json->end()) return;
    whole = whole && found->is_array();
    for (const Json& item : *found) {
      whole = whole && item.is_string();
      if (!whole) return;
      list.push_back(item.get<std::string>());
    }
  };
  read_list("pins", row.pins);
  read_list("anchors", row.anchors);
  if (!whole) return StoreError("a stored row is not one");
  return row;
}

}  // namespace postern
