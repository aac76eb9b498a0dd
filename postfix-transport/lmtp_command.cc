#include "postfix-transport/lmtp_command.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "core/names/quoted.h"
#include "core/outcome/verdict.h"
#include "core/service/line_protocol.h"
#include "postfix-transport/envelope_checks.h"

namespace postern {
namespace {

constexpr std::size_t kMaxIdent = 64;

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool Same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

// The word up to the next space; takes both off `rest`.
std::string_view TakeWord(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

std::string PrintableAscii(std::string_view text) {
  std::string line = OneLine(text, kMaxReplyText);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) >= 0x7f) c = '?';
  }
  return line;
}

bool NeedsRoom(Reason reason) {
  return reason == Reason::kSpoolFull || reason == Reason::kMessageTooBig;
}

}  // namespace

std::string LmtpReply::Format() const {
  std::string line = std::to_string(code);
  if (!status.empty()) line += ' ' + status;
  line += ' ' + PrintableAscii(text);
  return line + "\r\n";
}

LmtpReply LmtpReplyFor(const Error& error) {
  const auto told = ParseStatusText(ToLogText(DeferFor(error)), "4");
  if (!told) return {451, "4.3.0", "internal-error"};
  return {NeedsRoom(error.reason()) ? 452 : 451, told->status, told->text};
}

LmtpReply LmtpReplyFor(const RecipientResult& result) {
  switch (result.outcome) {
    case RecipientResult::Outcome::kDelivered:
      return {250, StatusOfClass(result, '2', "2.0.0"), result.text};
    case RecipientResult::Outcome::kBounced:
      return {550, StatusOfClass(result, '5', "5.0.0"), result.text};
    case RecipientResult::Outcome::kDeferred:
      break;
  }
  return {451, StatusOfClass(result, '4', "4.0.0"), result.text};
}

namespace lmtp {
namespace {

using Parsed = std::variant<Command, LmtpReply>;

LmtpReply Syntax(std::string_view what) {
  return LmtpReplyFor(Error{Reason::kRequestInvalid, std::string(what)});
}

// What stands between "<" and ">" after `keyword`, and the parameters after it.
struct Path {
  std::string_view address, parameters;
};

std::optional<Path> TakePath(std::string_view rest, std::string_view keyword) {
  if (rest.size() < keyword.size() ||
      !Same(rest.substr(0, keyword.size()), keyword)) {
    return std::nullopt;
  }
  rest.remove_prefix(keyword.size());
  if (!rest.starts_with('<')) return std::nullopt;
  bool quoted = false;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (quoted && rest[i] == '\\') {
      ++i;
    } else if (rest[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && rest[i] == '>') {
      const std::string_view after = rest.substr(i + 1);
      if (!after.empty() && after.front() != ' ') return std::nullopt;
      return Path{rest.substr(1, i - 1),
                  after.empty() ? after : after.substr(1)};
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> AsSize(std::string_view text) {
  std::uint64_t size = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, failed] = std::from_chars(text.data(), end, size);
  if (text.empty() || failed != std::errc{} || rest != end) return std::nullopt;
  return size;
}

Parsed ParseMail(std::string_view rest) {
  const std::optional<Path> path = TakePath(rest, "FROM:");
  if (!path) return Syntax("MAIL FROM:<sender> is expected");
  const Status sender = CheckSender(path->address);
  if (!sender) return LmtpReplyFor(sender.error());
  Mail mail{std::string(path->address), 0};
  for (std::string_view left = path->parameters; !left.empty();) {
    const std::string_view word = TakeWord(left);
    if (Same(word.substr(0, 5), "SIZE=")) {
      const auto size = AsSize(word.substr(5));
      if (!size) return Syntax("SIZE= wants a number of octets");
      mail.size = *size;
      continue;
    }
    // The message itself says what it needs; see WireScan.
    const bool known = Same(word, "BODY=8BITMIME") || Same(word, "BODY=7BIT") ||
                       Same(word, "SMTPUTF8");
    if (!known) return Syntax("the parameter " + Quoted(word) + " of MAIL");
  }
  return mail;
}

Parsed ParseRcpt(std::string_view rest) {
  const std::optional<Path> path = TakePath(rest, "TO:");
  if (!path) return Syntax("RCPT TO:<recipient> is expected");
  if (!path->parameters.empty()) {
    return Syntax("the parameter " + Quoted(path->parameters) + " of RCPT");
  }
  Result<HostName> domain = RecipientDomain(path->address);
  if (!domain) return LmtpReplyFor(domain.error());
  return Rcpt{std::string(path->address), *std::move(domain)};
}

// Behind a content filter this is another server's id, of whatever characters.
std::string AsQueueId(std::string text) {
  if (text == "[UNAVAILABLE]" || text == "[TEMPUNAVAIL]") return "";
  text.resize(std::min(text.size(), kMaxIdent));
  for (char& c : text) {
    if (!IsQueueId({&c, 1}) && c != '-' && c != '.') c = '_';
  }
  return text;
}

Parsed ParseXforward(std::string_view rest) {
  if (rest.empty()) return Syntax("XFORWARD IDENT=id is expected");
  Xforward found;
  while (!rest.empty()) {
    const std::string_view word = TakeWord(rest);
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) {
      return Syntax("XFORWARD: " + Quoted(word) + " is not name=value");
    }
    std::optional<std::string> value = DecodeXtext(word.substr(equals + 1));
    if (!value) return Syntax("XFORWARD: " + Quoted(word) + " is no xtext");
    if (Same(word.substr(0, equals), "IDENT")) {
      found.ident = AsQueueId(*std::move(value));
    }
  }
  return found;
}

Parsed ParseLhlo(std::string_view rest) {
  if (rest.empty()) return Syntax("LHLO wants a name");
  return Lhlo{};
}

template <typename Bare>
Parsed ParseBare(std::string_view rest) {
  if (!rest.empty()) return Syntax("nothing may follow this command");
  return Bare{};
}

template <typename Any>
Parsed ParseAny(std::string_view) {
  return Any{};
}

struct Verb {
  std::string_view name;
  Parsed (*parse)(std::string_view rest);
};

constexpr std::array kVerbs{
    Verb{"LHLO", ParseLhlo},         Verb{"MAIL", ParseMail},
    Verb{"RCPT", ParseRcpt},         Verb{"DATA", ParseBare<Data>},
    Verb{"RSET", ParseBare<Rset>},   Verb{"NOOP", ParseAny<Noop>},
    Verb{"VRFY", ParseAny<Vrfy>},    Verb{"QUIT", ParseBare<Quit>},
    Verb{"XFORWARD", ParseXforward},
};

}  // namespace

Parsed ParseCommand(std::string_view line) {
  std::string_view rest = line;
  const std::string_view word = TakeWord(rest);
  for (const Verb& verb : kVerbs) {
    if (Same(word, verb.name)) return verb.parse(rest);
  }
  return LmtpReply{500, "5.5.2", "not a command of LMTP: " + Quoted(word)};
}

std::optional<std::string> DecodeXtext(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c < '!' || c > '~' || c == '=') return std::nullopt;
    if (c != '+') {
      decoded += c;
      continue;
    }
    unsigned octet = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const char* const end = text.data() + i + 3;
    const auto [rest, failed] = std::from_chars(end - 2, end, octet, 16);
    if (failed != std::errc{} || rest != end) return std::nullopt;
    decoded += static_cast<char>(octet);
    i += 2;
  }
  return decoded;
}

// "Received: by mta.example (Postfix, from userid 0)<CRLF><TAB>id 4FQx0z; date"
std::string QueueIdIn(std::string_view head) {
  if (!head.starts_with("Received: by ")) return {};
  std::size_t end = head.find("\r\n");
  while (end != std::string_view::npos && end + 2 < head.size() &&
         (head[end + 2] == ' ' || head[end + 2] == '\t')) {
    end = head.find("\r\n", end + 2);
  }
  const std::string_view field = head.substr(0, end);
  for (const std::string_view before : {"\tid ", " id "}) {
    const std::size_t at = field.find(before);
    if (at == std::string_view::npos) continue;
    std::string_view word = field.substr(at + before.size());
    word = word.substr(0, word.find_first_of("; \t\r\n"));
    if (IsQueueId(word)) return std::string(word);
  }
  return {};
}

}  // namespace lmtp
}  // namespace postern
