#include "core/tls/tls_words.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "core/names/quoted.h"

namespace postern {
namespace {

constexpr std::string_view kSeparators = ":, \t";

// In their order; the last two are the ones that count.
constexpr std::array<std::string_view, 6> kVersions{
    "SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
constexpr std::size_t kTls12 = 4;
constexpr std::size_t kTls13 = 5;

struct Term {
  enum class Kind { kOnly, kNot, kAtLeast, kAtMost };
  Kind kind = Kind::kOnly;
  std::size_t version = 0;
};

Error Refuse(std::string why) {
  return {Reason::kPolicyInvalid, std::move(why)};
}

std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(kSeparators);
    if (end != 0) words.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return words;
}

bool SameWord(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::size_t> VersionFromName(std::string_view name) {
  if (SameWord(name, "TLSv1.0")) name = "TLSv1";
  for (std::size_t i = 0; i < kVersions.size(); ++i) {
    if (SameWord(name, kVersions[i])) return i;
  }
  return std::nullopt;
}

std::string_view Operator(Term::Kind kind) {
  switch (kind) {
    case Term::Kind::kNot:
      return "!";
    case Term::Kind::kAtLeast:
      return ">=";
    case Term::Kind::kAtMost:
      return "<=";
    case Term::Kind::kOnly:
      break;
  }
  return "";
}

Result<Term> ParseTerm(std::string_view text) {
  Term term;
  for (const auto kind :
       {Term::Kind::kNot, Term::Kind::kAtLeast, Term::Kind::kAtMost}) {
    const std::string_view sign = Operator(kind);
    if (text.substr(0, sign.size()) != sign) continue;
    term.kind = kind;
    const auto version = VersionFromName(text.substr(sign.size()));
    if (version) return Term{kind, *version};
  }
  if (const auto version = VersionFromName(text)) {
    return Term{Term::Kind::kOnly, *version};
  }
  return Refuse("protocols= does not know " + Quoted(text) +
                ": write >=TLSv1.2, >=TLSv1.3, !TLSv1.2 or TLSv1.3");
}

Result<std::vector<Term>> ParseTerms(std::string_view text) {
  std::vector<Term> terms;
  for (const std::string_view part : Split(text)) {
    const Result<Term> term = ParseTerm(part);
    if (!term) return term.error();
    terms.push_back(*term);
  }
  return terms;
}

bool Admits(const std::vector<Term>& terms, std::size_t version) {
  bool listed = false;
  bool has_list = false;
  for (const Term& term : terms) {
    switch (term.kind) {
      case Term::Kind::kOnly:
        has_list = true;
        listed = listed || term.version == version;
        break;
      case Term::Kind::kNot:
        if (term.version == version) return false;
        break;
      case Term::Kind::kAtLeast:
        if (version < term.version) return false;
        break;
      case Term::Kind::kAtMost:
        if (version > term.version) return false;
        break;
    }
  }
  return listed || !has_list;
}

}  // namespace

Result<ProtocolSet> ParseProtocols(std::string_view text) {
  const Result<std::vector<Term>> terms = ParseTerms(text);
  if (!terms) return terms.error();
  const ProtocolSet set{Admits(*terms, kTls12), Admits(*terms, kTls13)};
  if (set.empty()) {
    return Refuse(
        "protocols= leaves no protocol: TLS 1.2 is the least here, "
        "so leave TLSv1.2 or TLSv1.3 in " +
        Quoted(text));
  }
  return set;
}

Result<std::string> CanonicalProtocols(std::string_view text) {
  const Result<ProtocolSet> set = ParseProtocols(text);
  if (!set) return set.error();
  const Result<std::vector<Term>> terms = ParseTerms(text);
  if (!terms) return terms.error();
  std::string canonical;
  for (const Term& term : *terms) {
    if (!canonical.empty()) canonical += ':';
    canonical += Operator(term.kind);
    canonical += kVersions.at(term.version);
  }
  if (canonical.empty()) return Refuse("protocols= names no protocol");
  return canonical;
}

std::string ToProtocols(ProtocolSet set) {
  if (set.tls12 && set.tls13) return "";
  return set.tls13 ? ">=TLSv1.3" : "<=TLSv1.2";
}

Result<std::string> CanonicalCiphers(std::string_view text) {
  for (const std::string_view grade : {"medium", "high"}) {
    if (SameWord(text, grade)) return std::string(grade);
  }
  return Refuse("ciphers= is medium or high, not " + Quoted(text) +
                "; single ciphers are left out with exclude=");
}

Result<std::string> CanonicalExclude(std::string_view text) {
  std::string canonical;
  for (const std::string_view part : Split(text)) {
    const bool name = std::all_of(part.begin(), part.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
             (c >= 'a' && c <= 'z') || c == '-' || c == '_' || c == '+';
    });
    // An operator in front would turn leaving out into adding.
    if (!name || part.front() == '-' || part.front() == '+') {
      return Refuse(
          "exclude= takes OpenSSL's names of ciphers and cipher "
          "classes, joined by colons (aNULL:3DES), not " +
          Quoted(part));
    }
    if (!canonical.empty()) canonical += ':';
    canonical += part;
  }
  if (canonical.empty()) return Refuse("exclude= names no cipher");
  return canonical;
}

}  // namespace postern
