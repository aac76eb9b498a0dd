#include "core/x509/general_name.h"

#include <algorithm>
#include <string_view>

#include "core/x509/openssl_ptr.h"

namespace postern {
namespace {

using Kind = GeneralName::Kind;

// Comparing two directory names costs about as much as this many others.
constexpr std::size_t kDirectoryCost = 20;
constexpr std::size_t kIpv4Constraint = 8;
constexpr std::size_t kIpv6Constraint = 32;

bool IsAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9');
}

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool EqualNoCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

// Letters, digits and inner hyphens; `underscore` where a constraint may have
// one (hosts that are named must not).
bool IsHostName(std::string_view name, bool underscore) {
  if (name.empty() || name.size() > 253) return false;
  for (;;) {
    const std::string_view label = name.substr(0, name.find('.'));
    if (label.empty() || label.size() > 63) return false;
    if (label.front() == '-' || label.back() == '-') return false;
    for (const char c : label) {
      if (!IsAlnum(c) && c != '-' && !(underscore && c == '_')) return false;
    }
    if (label.size() == name.size()) return true;
    name.remove_prefix(label.size() + 1);
  }
}

// `name` is `tree` or lies below it.
bool WithinDomain(std::string_view name, std::string_view tree) {
  if (tree.empty()) return true;
  if (EqualNoCase(name, tree)) return true;
  return name.size() > tree.size() &&
         name[name.size() - tree.size() - 1] == '.' &&
         EqualNoCase(name.substr(name.size() - tree.size()), tree);
}

bool IsWildcard(std::string_view name) { return name.substr(0, 2) == "*."; }

// True if every host that `name` stands for lies within `tree`.
bool DnsPermitted(std::string_view name, std::string_view tree) {
  return WithinDomain(IsWildcard(name) ? name.substr(2) : name, tree);
}

// True if any host that `name` stands for lies within `tree`: "*.x" reaches
// into a tree that is one label below x.
bool DnsExcluded(std::string_view name, std::string_view tree) {
  if (!IsWildcard(name)) return WithinDomain(name, tree);
  const std::string_view parent = name.substr(2);
  if (WithinDomain(parent, tree)) return true;
  const std::size_t dot = tree.find('.');
  return dot != std::string_view::npos &&
         EqualNoCase(tree.substr(dot + 1), parent);
}

bool IpWithin(std::string_view address, std::string_view tree) {
  if (tree.size() != address.size() * 2) return false;
  for (std::size_t i = 0; i < address.size(); ++i) {
    const int difference = address[i] ^ tree[i];
    if ((difference & tree[address.size() + i] & 0xff) != 0) return false;
  }
  return true;
}

bool IsContiguousMask(std::string_view mask) {
  bool ended = false;
  for (const char c : mask) {
    for (int bit = 7; bit >= 0; --bit) {
      const bool set = (static_cast<unsigned char>(c) >> bit & 1) != 0;
      if (set && ended) return false;
      if (!set) ended = true;
    }
  }
  return true;
}

// A constraint on hosts as e-mail and URI constraints have it: "host" itself or
// ".domain" for all below it.
bool HostWithin(std::string_view host, std::string_view tree) {
  if (!tree.empty() && tree.front() == '.') {
    return host.size() > tree.size() && WithinDomain(host, tree.substr(1));
  }
  return EqualNoCase(host, tree);
}

bool IsMailbox(std::string_view name) {
  const std::size_t at = name.find('@');
  return at != std::string_view::npos && at > 0 &&
         name.find('@', at + 1) == std::string_view::npos &&
         IsHostName(name.substr(at + 1), false);
}

bool EmailWithin(std::string_view name, std::string_view tree) {
  const std::size_t at = name.find('@');
  const std::size_t tree_at = tree.find('@');
  if (tree_at == std::string_view::npos)
    return HostWithin(name.substr(at + 1), tree);
  return name.substr(0, at) == tree.substr(0, tree_at) &&
         EqualNoCase(name.substr(at + 1), tree.substr(tree_at + 1));
}

// The host of a URI; empty where it has none that a constraint can speak of.
std::string_view UriHost(std::string_view uri) {
  const std::size_t start = uri.find("://");
  if (start == std::string_view::npos) return {};
  std::string_view host = uri.substr(start + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  const std::size_t user = host.rfind('@');
  if (user != std::string_view::npos) host.remove_prefix(user + 1);
  host = host.substr(0, host.find(':'));
  return IsHostName(host, false) ? host : std::string_view();
}

X509NamePtr DecodeName(const std::string& der) {
  const auto* cursor = reinterpret_cast<const unsigned char*>(der.data());
  return X509NamePtr(
      d2i_X509_NAME(nullptr, &cursor, static_cast<long>(der.size())));
}

// RFC 5280 section 7.1: the constraint's RDNs are the first of the name's.
bool DirectoryWithin(const std::string& name_der, const std::string& tree_der) {
  const X509NamePtr name = DecodeName(name_der);
  const X509NamePtr tree = DecodeName(tree_der);
  const X509NamePtr prefix(X509_NAME_new());
  if (!name || !tree || !prefix) return false;
  const int wanted = X509_NAME_entry_count(tree.get());
  if (X509_NAME_entry_count(name.get()) < wanted) return false;
  int last_set = -1;
  for (int i = 0; i < wanted; ++i) {
    X509_NAME_ENTRY* entry = X509_NAME_get_entry(name.get(), i);
    const int set = X509_NAME_ENTRY_set(entry);
    // 0 begins a new RDN, -1 joins the one before.
    if (X509_NAME_add_entry(prefix.get(), entry, -1,
                            set == last_set ? -1 : 0) != 1) {
      return false;
    }
    last_set = set;
  }
  return X509_NAME_cmp(prefix.get(), tree.get()) == 0;
}

bool Within(const GeneralName& name, const GeneralName& tree, bool excluded) {
  switch (name.kind) {
    case Kind::kDns:
      return excluded ? DnsExcluded(name.value, tree.value)
                      : DnsPermitted(name.value, tree.value);
    case Kind::kIp:
      return IpWithin(name.value, tree.value);
    case Kind::kEmail:
      return EmailWithin(name.value, tree.value);
    case Kind::kUri:
      return HostWithin(UriHost(name.value), tree.value);
    case Kind::kDirectory:
      return DirectoryWithin(name.value, tree.value);
    case Kind::kOther:
      return false;
  }
  return false;
}

// Whether anything can be said of this name at all.
bool IsWellFormed(const GeneralName& name) {
  switch (name.kind) {
    case Kind::kDns:
      return IsPresentableDnsName(name.value);
    case Kind::kIp:
      return name.value.size() == 4 || name.value.size() == 16;
    case Kind::kEmail:
      return IsMailbox(name.value);
    case Kind::kUri:
      return !UriHost(name.value).empty();
    case Kind::kDirectory:
      return DecodeName(name.value) != nullptr;
    case Kind::kOther:
      return false;  // we can't compare these
  }
  return false;
}

bool SameKind(const GeneralName& a, const GeneralName& b) {
  return a.kind == b.kind && (a.kind != Kind::kOther || a.value == b.value);
}

const char* Word(Kind kind) {
  switch (kind) {
    case Kind::kDns:
      return "a DNS name";
    case Kind::kIp:
      return "an address";
    case Kind::kEmail:
      return "an e-mail address";
    case Kind::kUri:
      return "a URI";
    case Kind::kDirectory:
      return "a directory name";
    case Kind::kOther:
      return "a name";
  }
  return "a name";
}

// One name against all constraints of its kind.
NameConstraintAnswer CheckName(const NameConstraints& constraints,
                               const GeneralName& name, std::size_t& budget) {
  const std::size_t price = name.kind == Kind::kDirectory ? kDirectoryCost : 1;
  const auto violated = [&](const char* how) {
    return NameConstraintAnswer{NameConstraintResult::kViolated,
                                std::string(Word(name.kind)) + " " + how};
  };
  bool asked = false;       // there is a constraint of this kind
  bool restricted = false;  // and it permits some only
  bool permitted = false;
  for (const auto* list : {&constraints.excluded, &constraints.permitted}) {
    const bool excluded = list == &constraints.excluded;
    for (const GeneralName& tree : *list) {
      if (budget < price) return {NameConstraintResult::kTooCostly, {}};
      budget -= price;
      if (!SameKind(name, tree)) continue;
      if (!asked && !IsWellFormed(name)) {
        return violated("that can't be compared with the name constraints");
      }
      asked = true;
      const bool within = Within(name, tree, excluded);
      if (excluded && within)
        return violated("that the name constraints exclude");
      if (!excluded) restricted = true;
      if (!excluded && within) permitted = true;
    }
  }
  if (restricted && !permitted) {
    return violated("that the name constraints do not permit");
  }
  return {NameConstraintResult::kWithin, {}};
}

}  // namespace

bool IsPresentableDnsName(const std::string& name) {
  const std::string_view view(name);
  return IsHostName(IsWildcard(view) ? view.substr(2) : view, false);
}

std::optional<std::string> FindDefect(const NameConstraints& constraints) {
  for (const auto* list : {&constraints.permitted, &constraints.excluded}) {
    for (const GeneralName& tree : *list) {
      const std::string& value = tree.value;
      if (tree.kind == Kind::kDns && !value.empty() &&
          !IsHostName(value, true)) {
        return "its nameConstraints have a malformed dNSName";
      }
      if (tree.kind == Kind::kIp &&
          ((value.size() != kIpv4Constraint &&
            value.size() != kIpv6Constraint) ||
           !IsContiguousMask(
               std::string_view(value).substr(value.size() / 2)))) {
        return "its nameConstraints have a malformed iPAddress";
      }
      const bool has_at = value.find('@') != std::string::npos;
      const std::string_view host = std::string_view(value).substr(
          !value.empty() && value[0] == '.' ? 1 : 0);
      if (tree.kind == Kind::kEmail &&
          !(has_at ? IsMailbox(value) : IsHostName(host, true))) {
        return "its nameConstraints have a malformed rfc822Name";
      }
      if (tree.kind == Kind::kUri && !IsHostName(host, true)) {
        return "its nameConstraints have a malformed URI";
      }
    }
  }
  return std::nullopt;
}

NameConstraintAnswer CheckNames(const NameConstraints& constraints,
                                const std::vector<GeneralName>& names,
                                std::size_t& budget) {
  for (const GeneralName& name : names) {
    NameConstraintAnswer answer = CheckName(constraints, name, budget);
    if (answer.result != NameConstraintResult::kWithin) return answer;
  }
  return {NameConstraintResult::kWithin, {}};
}

}  // namespace postern
