// core/names/domain.h
//
// Names, parsed once at the door: past this room no host name travels as a raw
// string. Everything here is a value, immutable, cheap to copy and compare.
//
// Sources: RFC 1035 section 2.3.4 (lengths), RFC 5890 to 5892 (IDNA2008),
// RFC 5321 section 4.1.3 (address literals).
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "core/outcome/result.h"

namespace postern {

// A fully qualified host or domain name as lower-case A-labels, without the
// trailing dot. Letters, digits, hyphens and underscores; labels of 1 to 63
// octets, at most 253 in all; at least one label.
class Domain {
 public:
  // Accepts U-labels (IDNA2008, non-transitional), any case and one trailing
  // dot. Refuses address literals, dotted-quad addresses, empty labels, labels
  // that begin or end with a hyphen and A-labels that don't decode.
  static Result<Domain> Parse(std::string_view text);

  const std::string& str() const { return name_; }
  // U-labels, for people.
  std::string ToUnicode() const;

  int label_count() const;
  // "example" of "mx.example"; nothing for a name of one label.
  std::optional<Domain> Parent() const;
  // True for x.d and a.b.d below d; false for d itself.
  bool IsBelow(const Domain& ancestor) const;

  auto operator<=>(const Domain&) const = default;

 private:
  explicit Domain(std::string name) : name_(std::move(name)) {}
  std::string name_;
};

}  // namespace postern
