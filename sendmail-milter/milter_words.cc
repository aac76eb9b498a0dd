#include "sendmail-milter/milter_words.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/outcome/verdict.h"
#include "sendmail-milter/recipient_words.h"

namespace postern {
namespace {

constexpr std::array<std::string_view, 10> kLeftAlone{
    "local", "prog",    "*file*",  "*include*", "error",
    "retry", "discard", "virtual", "lmtp",      "uucp"};

// libmilter takes 980 octets.
constexpr std::size_t kMaxText = 900;

bool IsDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c >= '0' && c <= '9';
  });
}

// Of a list ("[a]:[b]", "a.test:b.test", "a.test, b.test") the first: where the
// line names its routes, they all follow from one of them.
std::string_view FirstOf(std::string_view host) {
  host = host.substr(0, host.find_first_of(", "));
  const std::size_t bracket = host.starts_with('[') ? host.find(']') : 0;
  const std::size_t colon =
      bracket == host.npos ? host.npos : host.find(':', bracket);
  if (colon != host.npos && !IsDigits(host.substr(colon + 1))) {
    host = host.substr(0, colon);
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

// What follows the last "@": a quoted local part may have one.
std::string_view DomainOf(std::string_view address) {
  if (address.ends_with('>')) address.remove_suffix(1);
  const std::size_t at = address.rfind('@');
  if (at == address.npos) return {};
  address.remove_prefix(at + 1);
  if (address.ends_with('.')) address.remove_suffix(1);
  return address;
}

// libmilter sends '%' on to a format, and line ends as more lines.
std::string Harmless(std::string_view text) {
  std::string harmless;
  for (const char c : text.substr(0, kMaxText)) {
    const auto octet = static_cast<unsigned char>(c);
    harmless += octet >= 0x20 && octet < 0x7f && c != '%' ? c : ' ';
  }
  return harmless;
}

}  // namespace

std::span<const std::string_view> MailersLeftAlone() { return kLeftAlone; }

std::string RecipientQuestion::Place() const {
  std::string place;
  place.reserve(domain.size() + 1 + next_hop.size());
  place += domain;
  place += '\n';  // which can't be asked
  place += next_hop;
  return place;
}

Request RecipientQuestion::ToRequest() const {
  return {"recipient",
          {{"domain", std::string(domain)},
           {"nexthop", std::string(next_hop)},
           {"queue-id", std::string(queue_id)}}};
}

std::optional<RecipientQuestion> QuestionOf(
    const RecipientMacros& macros, std::span<const std::string> left_alone) {
  const auto is_left_alone = [&](const auto& mailers) {
    return std::find(mailers.begin(), mailers.end(), macros.mailer) !=
           mailers.end();
  };
  // Without a host there is nowhere to send to.
  if (macros.mailer.empty() || macros.host.empty() ||
      is_left_alone(kLeftAlone) || is_left_alone(left_alone)) {
    return std::nullopt;
  }
  const std::string_view host = FirstOf(macros.host);
  const std::string_view domain = DomainOf(macros.address);
  return RecipientQuestion{domain.empty() ? host : domain, host,
                           macros.queue_id};
}

SmtpAnswer AnswerOf(const Reply& reply) {
  if (IsPass(reply)) return {};
  const bool bounced = reply.word == "bounced";
  const std::optional<StatusText> said =
      ParseStatusText(reply.rest, bounced ? "5" : "4");
  const bool known =
      bounced || reply.word == "deferred" || reply.word == "error";
  if (!known || !said) {
    return AnswerOf(Error{Reason::kServiceUnavailable,
                          "posternd gave no answer that is one"});
  }
  return {bounced ? "550" : "451", said->status, Harmless(said->text)};
}

SmtpAnswer AnswerOf(const Error& error) {
  const Verdict verdict = DeferFor(error);
  return {"451", verdict.status,
          Harmless(std::string(Describe(verdict.reason).token) + ": " +
                   verdict.sentence + "; hint: " + verdict.hint)};
}

}  // namespace postern
