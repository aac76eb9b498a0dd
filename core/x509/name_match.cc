#include "core/x509/name_match.h"

#include <algorithm>

namespace postern {
namespace {

constexpr std::size_t kNamesShown = 5;
constexpr std::size_t kMaxShown = 80;

// A certificate's name for a log line.
std::string Shown(const std::string& name) {
  std::string text = name.substr(0, kMaxShown);
  for (char& c : text) {
    if (c <= ' ' || c > '~' || c == '"') c = '?';
  }
  if (name.size() > kMaxShown) text += "...";
  return text.empty() ? "(empty)" : text;
}

std::string ShownAddress(const std::string& octets) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(octets.data());
  if (octets.size() == 4) {
    std::array<std::uint8_t, 4> v4{};
    std::copy_n(bytes, v4.size(), v4.begin());
    return "[" + IpAddress::V4(v4).str() + "]";
  }
  if (octets.size() == 16) {
    std::array<std::uint8_t, 16> v6{};
    std::copy_n(bytes, v6.size(), v6.begin());
    return "[" + IpAddress::V6(v6).str() + "]";
  }
  return "(malformed address)";
}

std::string Join(const std::vector<std::string>& words, const char* last) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? last : ", ";
    text += words[i];
  }
  return text;
}

std::string PresentedNames(const Certificate& leaf) {
  std::vector<std::string> words;
  for (const std::string& name : leaf.dns_names()) words.push_back(Shown(name));
  for (const std::string& octets : leaf.ip_addresses()) {
    words.push_back(ShownAddress(octets));
  }
  for (const std::string& name : leaf.common_names()) {
    words.push_back("CN " + Shown(name));
  }
  if (words.empty()) return "no name";
  if (words.size() > kNamesShown) {
    const std::size_t more = words.size() - kNamesShown;
    words.resize(kNamesShown);
    words.push_back(std::to_string(more) + " more");
  }
  return Join(words, " and ");
}

NameMatch Matched(const std::string& what, bool weak) {
  NameMatch match;
  match.matched = true;
  match.reason = Reason::kOk;
  match.detail = what + (weak ? " (a name learnt from unsigned DNS)" : "");
  match.weak = weak;
  return match;
}

// The reference that one of `presented` satisfies, in the order of references.
std::optional<NameMatch> MatchAny(
    const std::vector<std::string>& presented,
    const std::vector<ReferenceIdentity>& references, const char* kind) {
  for (const ReferenceIdentity& reference : references) {
    for (const std::string& name : presented) {
      if (!reference.Matches(name)) continue;
      return Matched(
          std::string(kind) + " " + Shown(name) + " for " + reference.str(),
          reference.weak());
    }
  }
  return std::nullopt;
}

// Whether a common name may stand for a reference identity.
bool CountsCommonName(const Certificate& leaf, const AcceptedNames& names) {
  return names.common_name == CommonNameUse::kAlways ||
         (names.common_name == CommonNameUse::kNoDnsName &&
          leaf.dns_names().empty());
}

}  // namespace

bool ComparesCommonName(const Certificate& leaf, const AcceptedNames& names) {
  return names.confirmed_ptr.has_value() || CountsCommonName(leaf, names);
}

std::string ToString(const AcceptedNames& names) {
  std::vector<std::string> words;
  for (const ReferenceIdentity& reference : names.references) {
    words.push_back(reference.str());
  }
  for (const IpAddress& address : names.addresses) {
    words.push_back("[" + address.str() + "]");
  }
  if (names.confirmed_ptr) {
    words.push_back(names.confirmed_ptr->str() + " (PTR, as CN)");
  }
  return words.empty() ? "no name at all" : Join(words, " or ");
}

NameMatch MatchNames(const Certificate& leaf, const AcceptedNames& names) {
  if (auto match = MatchAny(leaf.dns_names(), names.references, "dNSName")) {
    return *match;
  }
  for (const IpAddress& address : names.addresses) {
    for (const std::string& octets : leaf.ip_addresses()) {
      if (octets == address.bytes()) {
        return Matched("iPAddress " + ShownAddress(octets), false);
      }
    }
  }
  auto by_common_name = MatchAny(leaf.common_names(), names.references, "CN");
  auto by_ptr =
      names.confirmed_ptr
          ? MatchAny(leaf.common_names(),
                     {ReferenceIdentity::Exact(*names.confirmed_ptr).AsWeak()},
                     "CN")
          : std::nullopt;
  const auto& counting =
      by_common_name && CountsCommonName(leaf, names) ? by_common_name : by_ptr;
  if (counting) {
    NameMatch match = *counting;
    match.common_name = true;
    return match;
  }

  NameMatch none;
  none.reason = by_common_name ? Reason::kCertificateCommonNameOnly
                               : Reason::kCertificateHostMismatch;
  none.detail = "it names " + PresentedNames(leaf) + ", not " + ToString(names);
  return none;
}

}  // namespace postern
