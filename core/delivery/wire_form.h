// core/delivery/wire_form.h
//
// WireForm: holds a message from the MTA to the form that SMTP may carry
// (RFC 5321 sections 2.3.8 and 4.5.2, 4.5.3.1.6), as it streams by.
//
// What could end the message early, and let its own text speak as the next
// command, never passes: a CR that ends no line becomes a space, as Postfix has
// it from 3.9 on; a lone LF, or a line that begins with a dot that is not
// doubled, means that the MTA is not set up to give the wire form, and the
// message waits. Lines over the limit are folded as smtp(8) folds them. All
// other octets, NUL and 8-bit ones included, go as they are.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/outcome/result.h"

namespace postern {

class WireForm {
 public:
  // Octets of a line without its CRLF; 0: lines are never folded.
  explicit WireForm(std::size_t line_limit);

  // Adds the wire form of `octets` to `out`. Error: kRequestInvalid; then
  // nothing more may be fed.
  Status Feed(std::string_view octets, std::string& out);
  // The message is over.
  Status End(std::string& out);

 private:
  void AddText(std::string_view text, std::string& out);
  bool lone_dot() const { return line_ == Line::kDot; }

  // What the present line has so far, as far as it matters.
  enum class Line { kEmpty, kDot, kText };

  const std::size_t line_limit_;
  Line line_ = Line::kEmpty;
  std::size_t column_ = 0;
  bool cr_pending_ = false;  // the last octet: its line's end, or a stray one
};

}  // namespace postern
