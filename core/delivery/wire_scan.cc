#include "core/delivery/wire_scan.h"

#include <algorithm>

namespace postern {

void WireScan::Feed(std::string_view octets) {
  if (octets.empty()) return;
  std::size_t i = 0;
  for (; in_header_ && i < octets.size(); ++i) {
    FeedHeader(static_cast<unsigned char>(octets[i]));
  }
  const std::string_view body = octets.substr(i);
  has_8bit_ = has_8bit_ || header_non_ascii_ ||
              std::any_of(body.begin(), body.end(), [](char c) {
                return static_cast<unsigned char>(c) >= 0x80;
              });
  before_ = octets.size() > 1 ? octets[octets.size() - 2] : last_;
  last_ = octets.back();
}

void WireScan::FeedHeader(unsigned char octet) {
  if (octet == '\n') {
    in_header_ = !line_empty_;
    line_empty_ = true;
  } else if (octet != '\r') {
    line_empty_ = false;
  }
  header_non_ascii_ = header_non_ascii_ || octet >= 0x80;

  // RFC 3629 section 4: the second octet's range depends on the first.
  if (utf8_left_ > 0) {
    if (octet < low_ || octet > high_) {
      header_broken_ = true;
      utf8_left_ = 0;
      return;
    }
    --utf8_left_;
    low_ = 0x80;
    high_ = 0xbf;
    return;
  }
  if (octet < 0x80) return;
  if (octet < 0xc2 || octet > 0xf4) {
    header_broken_ = true;
    return;
  }
  utf8_left_ = octet >= 0xf0 ? 3 : octet >= 0xe0 ? 2 : 1;
  low_ = octet == 0xe0 ? 0xa0 : octet == 0xf0 ? 0x90 : 0x80;
  high_ = octet == 0xed ? 0x9f : octet == 0xf4 ? 0x8f : 0xbf;
}

}  // namespace postern
