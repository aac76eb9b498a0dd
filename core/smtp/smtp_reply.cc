#include "core/smtp/smtp_reply.h"

#include <algorithm>
#include <utility>

namespace postern {

namespace {

constexpr std::size_t kMaxText = 400;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// "5.1.1" at the start of `text`, if it is one of the class of `code` (RFC 2034
// section 4) and a word of its own; otherwise empty.
std::string_view EnhancedCode(std::string_view text, int code) {
  std::size_t end = 0;
  int dots = 0;
  int digits = 0;
  for (; end < text.size() && text[end] != ' '; ++end) {
    if (text[end] == '.') {
      if (digits == 0) return {};
      ++dots;
      digits = 0;
    } else if (!IsDigit(text[end]) || ++digits > 3) {
      return {};
    }
  }
  if (dots != 2 || digits == 0 || text[1] != '.') return {};
  const int status_class = text[0] - '0';
  const bool known =
      status_class == 2 || status_class == 4 || status_class == 5;
  return known && status_class == code / 100 ? text.substr(0, end)
                                             : std::string_view{};
}

}  // namespace

std::string PrintableAscii(std::string_view text, std::size_t limit) {
  std::string out;
  out.reserve(std::min(text.size(), limit));
  for (const char c : text) {
    if (out.size() == limit) break;
    const auto octet = static_cast<unsigned char>(c);
    if (c == '\t') {
      out += ' ';
    } else if (octet >= 0x80) {
      out += '?';
    } else if (octet >= 0x20 && octet != 0x7f) {
      out += c;
    }
  }
  return out;
}

std::string SmtpReply::Text() const {
  std::string text = std::to_string(code);
  if (!enhanced.empty()) text += " " + enhanced;
  std::string_view separator = " ";
  for (const std::string& line : lines) {
    if (line.empty()) continue;
    if (text.size() > kMaxText) break;
    text += separator;
    text += line;
    separator = "; ";
  }
  return PrintableAscii(text, kMaxText);
}

Result<std::optional<SmtpReply>> ReplyReader::Next() {
  if (broken_) {
    return Error{Reason::kSmtpProtocolError, "no reply after a malformed one"};
  }
  std::size_t start = 0;
  Status status;
  while (status.ok() && !last_) {
    const std::size_t end = buffer_.find('\n', start);
    const std::size_t length =
        (end == std::string::npos ? buffer_.size() : end) - start;
    if (length > kMaxLine) {
      status = Error{Reason::kSmtpProtocolError, "a reply line is too long"};
      break;
    }
    if (end == std::string::npos) break;
    std::string_view line = std::string_view(buffer_).substr(start, length);
    // A bare LF is tolerated: it can't be mistaken for anything else.
    if (line.ends_with('\r')) line.remove_suffix(1);
    status = AddLine(line);
    start = end + 1;
  }
  buffer_.erase(0, start);
  if (!status.ok()) {
    broken_ = true;
    return status.error();
  }
  if (!last_) return std::optional<SmtpReply>();

  SmtpReply reply;
  reply.code = code_;
  reply.enhanced = EnhancedCode(lines_.front(), code_);
  for (std::string& line : lines_) {
    if (!reply.enhanced.empty() &&
        EnhancedCode(line, code_) == reply.enhanced) {
      line.erase(0, std::min(line.size(), reply.enhanced.size() + 1));
    }
  }
  reply.lines = std::exchange(lines_, {});
  last_ = false;
  return std::optional<SmtpReply>(std::move(reply));
}

Status ReplyReader::AddLine(std::string_view line) {
  const bool is_reply = line.size() >= 3 && line[0] >= '2' && line[0] <= '5' &&
                        IsDigit(line[1]) && IsDigit(line[2]) &&
                        (line.size() == 3 || line[3] == ' ' || line[3] == '-');
  if (!is_reply) {
    return Error{Reason::kSmtpProtocolError,
                 "not an SMTP reply: \"" + PrintableAscii(line, 80) + "\""};
  }
  const int code =
      (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
  if (!lines_.empty() && code != code_) {
    return Error{Reason::kSmtpProtocolError,
                 "the lines of one reply have different codes"};
  }
  if (lines_.size() == kMaxLines) {
    return Error{Reason::kSmtpProtocolError, "a reply has too many lines"};
  }
  code_ = code;
  last_ = line.size() == 3 || line[3] == ' ';
  lines_.push_back(PrintableAscii(
      line.substr(std::min<std::size_t>(line.size(), 4)), kMaxLine));
  return {};
}

void ReplyReader::Clear() { *this = ReplyReader(); }

}  // namespace postern
