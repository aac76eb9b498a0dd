#include "core/names/domain.h"

#include <idn2.h>

#include <algorithm>
#include <cstddef>
#include <memory>

#include "core/names/quoted.h"

namespace postern {
namespace {

constexpr std::size_t kLongestName = 253;
constexpr std::size_t kLongestLabel = 63;
// Longer than any U-label form of a name of 253 octets; bounds libidn2's work.
constexpr std::size_t kLongestText = 1024;

struct IdnFree {
  void operator()(char* text) const { idn2_free(text); }
};
using IdnText = std::unique_ptr<char, IdnFree>;

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x80;
  });
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

char ToLower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool IsLabelCharacter(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

// What inet_aton(3) and browsers read as the last part of an IPv4 address:
// "7", "007", "0x7f". No top-level domain looks like that.
bool EndsLikeAnAddress(std::string_view last_label) {
  if (std::all_of(last_label.begin(), last_label.end(), IsDigit)) return true;
  if (last_label.substr(0, 2) != "0x") return false;
  return last_label.find_first_not_of("0123456789abcdef", 2) ==
         std::string_view::npos;
}

// Nothing where libidn2 finds `text` illegal.
std::optional<std::string> ToAscii(const std::string& text) {
  char* raw = nullptr;
  const int status = idn2_to_ascii_8z(text.c_str(), &raw,
                                      IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
  const IdnText ascii(raw);
  if (status != IDN2_OK || !ascii) return std::nullopt;
  return std::string(ascii.get());
}

std::optional<std::string> FromAscii(const std::string& text) {
  char* raw = nullptr;
  const int status = idn2_to_unicode_8z8z(text.c_str(), &raw, 0);
  const IdnText unicode(raw);
  if (status != IDN2_OK || !unicode) return std::nullopt;
  return std::string(unicode.get());
}

// "xn--" followed by what decodes to ASCII, or to nothing, is a disguise and no
// A-label (RFC 5890 section 2.3.2.1).
bool IsALabel(std::string_view label) {
  const auto decoded = FromAscii(std::string(label));
  return decoded && !IsAscii(*decoded);
}

Error Refuse(std::string_view text, std::string_view why) {
  return {Reason::kRequestInvalid,
          Quoted(text) + " is no domain name: " + std::string(why)};
}

// The first thing wrong with a label; empty where nothing is.
std::string_view FaultOfLabel(std::string_view label) {
  if (label.empty()) return "it has an empty label";
  if (label.size() > kLongestLabel) return "a label is longer than 63 octets";
  if (!std::all_of(label.begin(), label.end(), IsLabelCharacter)) {
    return "labels are letters, digits, hyphens and underscores";
  }
  if (label.front() == '-' || label.back() == '-') {
    return "a label begins or ends with a hyphen";
  }
  if (label.substr(0, 4) == "xn--" && !IsALabel(label)) {
    return "an A-label (xn--) does not decode";
  }
  return {};
}

}  // namespace

Result<Domain> Domain::Parse(std::string_view text) {
  if (text.empty()) return Refuse(text, "it is empty");
  if (text.size() > kLongestText) return Refuse(text, "it is too long");
  // A NUL would end the name early in any C library.
  if (text.find('\0') != std::string_view::npos) {
    return Refuse(text, "it contains a NUL");
  }
  if (text.front() == '[') {
    return Refuse(text, "it is an address literal or a bracketed host");
  }

  std::string name(text);
  if (!IsAscii(text)) {
    // Also maps other scripts' full stops and digits, so everything below looks
    // at the result and not at what was typed.
    auto ascii = ToAscii(name);
    if (!ascii) return Refuse(text, "it is not a legal IDNA2008 name");
    name = *std::move(ascii);
  }
  std::transform(name.begin(), name.end(), name.begin(), ToLower);
  if (!name.empty() && name.back() == '.') name.pop_back();
  if (name.size() > kLongestName) {
    return Refuse(text, "it is longer than 253 octets");
  }

  std::string_view rest = name;
  std::string_view label;
  for (bool more = true; more;) {
    const std::size_t dot = rest.find('.');
    more = dot != std::string_view::npos;
    label = rest.substr(0, dot);
    if (more) rest.remove_prefix(dot + 1);
    const std::string_view fault = FaultOfLabel(label);
    if (!fault.empty()) return Refuse(text, fault);
  }
  if (EndsLikeAnAddress(label)) {
    return Refuse(text,
                  "it looks like an IP address; addresses are written "
                  "in brackets: [192.0.2.1]");
  }
  return Domain(std::move(name));
}

// A U-label that does not lead back to the same name would deceive the reader,
// so then the A-labels are shown.
std::string Domain::ToUnicode() const {
  if (name_.find("xn--") == std::string::npos) return name_;
  auto unicode = FromAscii(name_);
  if (!unicode || ToAscii(*unicode) != name_) return name_;
  return *std::move(unicode);
}

int Domain::label_count() const {
  return 1 + static_cast<int>(std::count(name_.begin(), name_.end(), '.'));
}

std::optional<Domain> Domain::Parent() const {
  const std::size_t dot = name_.find('.');
  if (dot == std::string::npos) return std::nullopt;
  Domain parent(name_.substr(dot + 1));
  return parent;
}

bool Domain::IsBelow(const Domain& ancestor) const {
  const std::string& suffix = ancestor.name_;
  return name_.size() > suffix.size() + 1 &&
         name_[name_.size() - suffix.size() - 1] == '.' &&
         std::string_view(name_).substr(name_.size() - suffix.size()) == suffix;
}

}  // namespace postern
