#include <string>

#include "core/policy/line_attributes.h"
#include "core/policy/line_words.h"
#include "core/policy/policy_line.h"

namespace postern {
namespace {

// A name that reads like a token of match= gets a trailing dot, which a name
// may have and a token may not.
std::string MatchName(const ReferenceIdentity& name) {
  const std::string text = name.str();
  for (const auto token :
       {MatchToken::kHostname, MatchToken::kNextHop, MatchToken::kDotNextHop,
        MatchToken::kDomain, MatchToken::kPtr}) {
    if (text == ToString(token)) return text + ".";
  }
  return text;
}

std::string ToText(const MatchItem& item) {
  if (const auto* token = std::get_if<MatchToken>(&item)) {
    return std::string(ToString(*token));
  }
  return MatchName(std::get<ReferenceIdentity>(item));
}
std::string ToText(const ReferenceIdentity& name) { return name.str(); }
std::string ToText(const NextHop& hop) { return hop.str(); }

template <typename T>
std::string Join(const std::vector<T>& items, char separator) {
  std::string joined;
  for (const T& item : items) {
    if (!joined.empty()) joined += separator;
    joined += ToText(item);
  }
  return joined;
}

class Writer {
 public:
  explicit Writer(const PolicyLine& line)
      : text_(line.key.str() + " " + std::string(ToString(line.level))) {}

  // Nothing for an empty value: an attribute that isn't there.
  void Add(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    text_ += ' ';
    text_ += name;
    text_ += '=';
    text_ += QuoteValue(value);
  }

  std::string Take() && { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace

std::string Format(const PolicyLine& line) {
  Writer out(line);
  if (line.floor) out.Add("floor", ToString(*line.floor));
  if (line.also_auto) out.Add("also", "auto");
  out.Add("match", Join(line.match, ':'));
  if (line.cn != CommonName::kNever) out.Add("cn", ToString(line.cn));
  out.Add("mx", Join(line.mx, ':'));
  out.Add("route", Join(line.route, ','));
  if (line.wrapper) out.Add("wrapper", "yes");
  if (line.servername) out.Add("servername", line.servername->str());
  out.Add("protocols", line.protocols);
  out.Add("ciphers", line.ciphers);
  out.Add("exclude", line.exclude);
  out.Add("ca", line.ca);
  out.Add("crl", line.crl);
  out.Add("client-cert", line.client_cert);
  out.Add("client-key", line.client_key);
  if (line.source) out.Add("source", line.source->str());
  out.Add("helo", line.helo);
  if (line.family != Family::kAny) out.Add("family", ToString(line.family));
  if (line.on_fail != OnFail::kDefer)
    out.Add("on-fail", ToString(line.on_fail));
  if (line.until) out.Add("until", FormatTime(*line.until));
  out.Add("owner", line.owner);
  out.Add("note", line.note);
  out.Add("alias", line.alias);
  return std::move(out).Take();
}

}  // namespace postern
