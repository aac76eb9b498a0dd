#include "core/names/reference_identity.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace postern {
namespace {

// No underscore, unlike a Domain: a dNSName is in the preferred syntax of host
// names (RFC 5280 section 4.2.1.6).
bool IsHostNameCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-';
}

bool IsLabel(std::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' &&
         label.back() != '-' &&
         std::all_of(label.begin(), label.end(), IsHostNameCharacter);
}

// One name of a certificate: "base", or "*.base" where `wildcard` is set.
struct Presented {
  std::string base;
  bool wildcard = false;
};

// Deliberately not Domain::Parse(): what a certificate presents is already in
// A-labels or it is wrong, so nothing is converted on its behalf (RFC 9525
// section 6.3). Everything that is not exactly a host name, optionally with one
// whole left-most wildcard label, is nothing.
std::optional<Presented> ParsePresented(std::string_view text) {
  if (!text.empty() && text.back() == '.') text.remove_suffix(1);
  if (text.empty() || text.size() > 253) return std::nullopt;

  Presented presented;
  if (text.substr(0, 2) == "*.") {
    presented.wildcard = true;
    text.remove_prefix(2);
    // "*.com" would speak for everybody below a top-level domain.
    if (text.find('.') == std::string_view::npos) return std::nullopt;
  }
  presented.base = text;
  for (char& c : presented.base) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }

  std::string_view rest = presented.base;
  for (;;) {
    const std::size_t dot = rest.find('.');
    if (!IsLabel(rest.substr(0, dot))) return std::nullopt;
    if (dot == std::string_view::npos) return presented;
    rest.remove_prefix(dot + 1);
  }
}

bool IsBelow(std::string_view name, std::string_view ancestor) {
  return name.size() > ancestor.size() + 1 &&
         name.substr(name.size() - ancestor.size()) == ancestor &&
         name[name.size() - ancestor.size() - 1] == '.';
}

}  // namespace

Result<ReferenceIdentity> ReferenceIdentity::Parse(std::string_view text) {
  const bool below = !text.empty() && text.front() == '.';
  Result<Domain> domain = Domain::Parse(below ? text.substr(1) : text);
  if (!domain) return domain.error();
  return ReferenceIdentity(*std::move(domain), below);
}

ReferenceIdentity ReferenceIdentity::Exact(Domain domain) {
  return {std::move(domain), false};
}

ReferenceIdentity ReferenceIdentity::Below(Domain domain) {
  return {std::move(domain), true};
}

ReferenceIdentity ReferenceIdentity::AsWeak() const {
  ReferenceIdentity weak = *this;
  weak.weak_ = true;
  return weak;
}

std::string ReferenceIdentity::str() const {
  return (below_ ? "." : "") + domain_.str();
}

bool ReferenceIdentity::Matches(std::string_view presented) const {
  const auto name = ParsePresented(presented);
  if (!name) return false;
  const std::string& mine = domain_.str();
  if (below_) {
    return IsBelow(name->base, mine) || (name->wildcard && name->base == mine);
  }
  if (!name->wildcard) return name->base == mine;
  // A wildcard covers exactly one label.
  const std::size_t dot = mine.find('.');
  return dot != std::string::npos &&
         std::string_view(mine).substr(dot + 1) == name->base;
}

}  // namespace postern
