#include "core/service/line_protocol.h"

#include <algorithm>

#include "core/names/quoted.h"
#include "core/outcome/verdict.h"

namespace postern {
namespace {

constexpr std::size_t kMaxWord = 32;

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), IsControl);
}

// In a value, unencoded.
bool GoesAsItIs(char c) {
  return !IsControl(c) && static_cast<unsigned char>(c) < 0x80 && c != ' ' &&
         c != '%';
}

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }

bool IsWord(std::string_view text) {
  if (text.empty() || text.size() > kMaxWord || !IsLower(text.front())) {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [](char c) {
    return IsLower(c) || (c >= '0' && c <= '9') || c == '-';
  });
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Takes the next word off `rest`; empty at the end. Runs of spaces count as
// one, for the person who types.
std::string_view TakeToken(std::string_view& rest) {
  const std::size_t start = std::min(rest.find_first_not_of(' '), rest.size());
  rest.remove_prefix(start);
  const std::string_view token = rest.substr(0, rest.find(' '));
  rest.remove_prefix(token.size());
  return token;
}

// Length of the UTF-8 character at the front of `text`; 0 if it is none
// (overlong, a surrogate, past U+10FFFF, cut short).
std::size_t Utf8Length(std::string_view text) {
  const auto octet = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const unsigned first = octet(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((octet(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = octet(1);
  if (first == 0xe0 && second < 0xa0) return 0;
  if (first == 0xed && second > 0x9f) return 0;
  if (first == 0xf0 && second < 0x90) return 0;
  if (first == 0xf4 && second > 0x8f) return 0;
  return length;
}

bool IsNumber(std::string_view text, std::size_t max_digits) {
  return !text.empty() && text.size() <= max_digits &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string FormatGreeting() {
  return "postern " + std::to_string(kProtocolVersion) + " ready";
}

Status CheckGreeting(std::string_view line) {
  if (line == FormatGreeting()) return {};
  // A refusal before the greeting says why in the form of a reply.
  if (line.starts_with("error ")) {
    return Error{Reason::kServiceUnavailable,
                 "it answered: " + OneLine(line.substr(6), 300)};
  }
  return Error{Reason::kServiceUnavailable,
               "it greeted with '" + OneLine(line, 80) + "' instead of '" +
                   FormatGreeting() + "'"};
}

const std::string* Request::Find(std::string_view key) const {
  for (const auto& field : fields) {
    if (field.first == key) return &field.second;
  }
  return nullptr;
}

Result<Request> ParseRequest(std::string_view line, std::size_t limit) {
  if (line.size() >= limit) return Invalid("the line is too long");
  if (HasControl(line)) return Invalid("the line holds a control character");

  Request request;
  std::string_view rest = line;
  request.verb = TakeToken(rest);
  if (!IsWord(request.verb)) return Invalid("the line begins with no verb");

  for (std::string_view token = TakeToken(rest); !token.empty();
       token = TakeToken(rest)) {
    const std::size_t equals = token.find('=');
    const std::string_view key = token.substr(0, equals);
    if (equals == std::string_view::npos || !IsWord(key)) {
      return Invalid("'" + OneLine(token, 40) + "' is not key=value");
    }
    if (request.Find(key) != nullptr) {
      return Invalid("'" + std::string(key) + "' occurs twice");
    }
    if (request.fields.size() == kMaxFields) return Invalid("too many fields");
    std::optional<std::string> value = PercentDecode(token.substr(equals + 1));
    if (!value || HasControl(*value)) {
      return Invalid("the value of '" + std::string(key) + "' is not valid");
    }
    request.fields.emplace_back(key, std::move(*value));
  }
  return request;
}

Result<std::string> FormatRequest(const Request& request, std::size_t limit) {
  if (!IsWord(request.verb)) return Invalid("not a verb");
  if (request.fields.size() > kMaxFields) return Invalid("too many fields");
  std::string line = request.verb;
  for (const auto& [key, value] : request.fields) {
    if (!IsWord(key)) return Invalid("'" + OneLine(key, 40) + "' is not a key");
    if (HasControl(value)) {
      return Invalid("the value of '" + key + "' holds a control character");
    }
    line += ' ' + key + '=' + PercentEncode(value);
  }
  line += '\n';
  if (line.size() > limit) return Invalid("the request is too long");
  return line;
}

Result<Reply> ParseReply(std::string_view line) {
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  if (!IsWord(word) || HasControl(line)) {
    return Error{Reason::kServiceUnavailable,
                 "its reply is not valid: '" + OneLine(line, 80) + "'"};
  }
  Reply reply{std::string(word), {}};
  if (space != std::string_view::npos) reply.rest = line.substr(space + 1);
  return reply;
}

std::string FormatReply(const Reply& reply) {
  if (!IsWord(reply.word)) {
    return FormatReply(ErrorReply({Reason::kInternal, "a reply has no word"}));
  }
  // Word, space and line end.
  const std::size_t octets = reply.word.size() + reply.rest.size() + 2;
  if (octets > kMaxReplyLine) {
    return FormatReply(ErrorReply(
        {Reason::kInternal,
         "the answer is too long for a reply (" + std::to_string(octets) +
             " octets of at most " + std::to_string(kMaxReplyLine) +
             "): the destination has very many hosts or records; look at "
             "them with dig(1)"}));
  }
  std::string line = reply.word;
  if (!reply.rest.empty()) line += ' ' + reply.rest;
  std::replace_if(line.begin(), line.end(), IsControl, ' ');
  return line + '\n';
}

std::optional<StatusText> ParseStatusText(std::string_view rest,
                                          std::string_view classes) {
  const std::string_view status = rest.substr(0, rest.find(' '));
  const std::size_t first = status.find('.');
  if (first != 1 || classes.find(status.front()) == std::string_view::npos) {
    return std::nullopt;
  }
  const std::size_t second = status.find('.', 2);
  if (second == std::string_view::npos ||
      !IsNumber(status.substr(2, second - 2), 3) ||
      !IsNumber(status.substr(second + 1), 3)) {
    return std::nullopt;
  }
  StatusText parsed{std::string(status), {}};
  if (rest.size() > status.size()) parsed.text = rest.substr(status.size() + 1);
  return parsed;
}

Reply ErrorReply(const Error& error) {
  return {"error", OneLine(ToLogText(DeferFor(error)), 900)};
}

std::string PercentEncode(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (;;) {
    const auto end = std::find_if_not(text.begin(), text.end(), GoesAsItIs);
    encoded.append(text.begin(), end);
    if (end == text.end()) return encoded;
    const auto octet = static_cast<unsigned char>(*end);
    text.remove_prefix(static_cast<std::size_t>(end - text.begin()) + 1);
    encoded += '%';
    encoded += kHex[octet >> 4];
    encoded += kHex[octet & 0x0f];
  }
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (;;) {
    const std::size_t escape = text.find('%');
    decoded += text.substr(0, escape);
    if (escape == std::string_view::npos) return decoded;
    text.remove_prefix(escape + 1);
    if (text.size() < 2) return std::nullopt;
    const int high = HexValue(text[0]);
    const int low = HexValue(text[1]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    text.remove_prefix(2);
  }
}

std::string OneLine(std::string_view text, std::size_t limit) {
  std::string line;
  while (!text.empty()) {
    const std::size_t length = Utf8Length(text);
    const std::size_t taken = std::max<std::size_t>(length, 1);
    if (line.size() + taken > limit) break;
    if (length == 0) {
      line += '?';
    } else if (IsControl(text.front())) {
      line += ' ';
    } else {
      line += text.substr(0, length);
    }
    text.remove_prefix(taken);
  }
  return line;
}

}  // namespace postern
