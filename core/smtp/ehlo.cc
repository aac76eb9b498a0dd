#include "core/smtp/ehlo.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

namespace postern {

namespace {

std::string Upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

// RFC 1870 section 4: no number and 0 both mean no fixed limit. A number that
// doesn't fit is larger than any message, and so no limit either.
std::optional<std::uint64_t> SizeLimit(std::string_view number) {
  std::uint64_t limit = 0;
  const char* const end = number.data() + number.size();
  const auto [rest, error] = std::from_chars(number.data(), end, limit);
  if (error != std::errc() || rest != end || limit == 0) return std::nullopt;
  return limit;
}

void AddWords(std::string_view text, std::vector<std::string>& words) {
  while (!text.empty()) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

}  // namespace

ServerCapabilities ParseEhlo(const SmtpReply& reply) {
  ServerCapabilities offered;
  // The first line greets.
  for (std::size_t i = 1; i < reply.lines.size(); ++i) {
    const std::string_view line = reply.lines[i];
    const std::size_t space = line.find(' ');
    const std::string keyword = Upper(line.substr(0, space));
    if (keyword == "STARTTLS") {
      offered.starttls = true;
    } else if (keyword == "PIPELINING") {
      offered.pipelining = true;
    } else if (keyword == "8BITMIME") {
      offered.eight_bit_mime = true;
    } else if (keyword == "SMTPUTF8") {
      offered.smtputf8 = true;
    } else if (keyword == "AUTH") {
      AddWords(line.substr(keyword.size()), offered.auth);
    } else if (keyword == "SIZE") {
      offered.size = true;
      const std::string_view number =
          space == std::string_view::npos ? "" : line.substr(space + 1);
      offered.size_limit = SizeLimit(number.substr(0, number.find(' ')));
    }
  }
  return offered;
}

}  // namespace postern
