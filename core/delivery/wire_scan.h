// core/delivery/wire_scan.h
//
// WireScan: what SMTP has to know of a message, found while it is spooled:
// 8-bit octets (BODY=8BITMIME), UTF-8 in the header (SMTPUTF8), the last line's
// end. Sees each octet once, in blocks of any size.
#pragma once

#include <string_view>

namespace postern {

class WireScan {
 public:
  void Feed(std::string_view octets);

  bool has_8bit() const { return has_8bit_; }
  // RFC 6532. A header with octets that are no UTF-8 is merely broken: to
  // declare SMTPUTF8 for it would be a lie.
  bool has_utf8_header() const {
    return header_non_ascii_ && !header_broken_ && utf8_left_ == 0;
  }
  bool ends_with_crlf() const { return last_ == '\n' && before_ == '\r'; }

 private:
  void FeedHeader(unsigned char octet);

  bool has_8bit_ = false;
  bool in_header_ = true;
  bool line_empty_ = true;
  bool header_non_ascii_ = false;
  bool header_broken_ = false;
  int utf8_left_ = 0;                       // continuation octets to come
  unsigned char low_ = 0x80, high_ = 0xbf;  // what the next may be
  char last_ = 0, before_ = 0;
};

}  // namespace postern
