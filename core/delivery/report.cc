#include "core/delivery/report.h"

#include <algorithm>

namespace postern {
namespace {

// pipe(8) reads 4096 octets of output and syslog cuts at 1024.
constexpr std::size_t kMaxText = 900;

const Attempt& MostTelling(const std::vector<Attempt>& attempts) {
  const auto policy = std::find_if(
      attempts.begin(), attempts.end(), [](const Attempt& attempt) {
        return attempt.policy_no || attempt.status.starts_with("4.7");
      });
  return policy != attempts.end() ? *policy : attempts.back();
}

}  // namespace

std::string Where(const std::string& host, const std::string& address) {
  if (address.empty() || host.starts_with('[')) return host;
  return host + "[" + address + "]";
}

Attempt FromVerdict(const Verdict& verdict) {
  Attempt attempt;
  attempt.reason = verdict.reason;
  attempt.status = verdict.status;
  attempt.where = Where(verdict.mx_host, verdict.address);
  attempt.what = verdict.sentence;
  attempt.hint = verdict.hint;
  return attempt;
}

std::string StatusOf(const SmtpReply& reply) {
  const char digit = static_cast<char>('0' + reply.code / 100);
  if (!reply.enhanced.empty() && reply.enhanced.front() == digit) {
    return reply.enhanced;
  }
  return std::string(1, digit) + ".0.0";
}

Attempt FromReply(const std::string& where, const std::string& command,
                  const SmtpReply& reply) {
  Attempt attempt;
  attempt.reason =
      reply.code >= 500 ? Reason::kServerRejected : Reason::kServerDeferred;
  attempt.status = StatusOf(reply);
  attempt.where = where;
  attempt.what = "said: " + reply.Text() + " (in reply to " + command + ")";
  return attempt;
}

bool IsOneTooMany(const std::vector<SmtpReply>& recipients, std::size_t index) {
  if (index >= recipients.size()) return false;
  const SmtpReply& reply = recipients[index];
  const bool too_many = reply.enhanced == "5.5.3" ||
                        (reply.code == 552 && reply.enhanced.empty());
  return too_many &&
         std::any_of(recipients.begin(), recipients.end(),
                     [](const SmtpReply& each) { return each.positive(); });
}

RecipientResult Conclude(const std::vector<Attempt>& attempts,
                         RecipientResult::Outcome outcome) {
  RecipientResult result;
  result.outcome = outcome;
  const char digit = outcome == RecipientResult::Outcome::kBounced ? '5' : '4';
  if (attempts.empty()) {
    const ReasonInfo& info = Describe(Reason::kDeadlineExceeded);
    result.outcome = RecipientResult::Outcome::kDeferred;
    result.status = info.status;
    result.text = std::string(info.token) + ": no host was tried";
    return result;
  }
  const Attempt& principal = MostTelling(attempts);
  result.status = principal.status;
  result.status.front() = digit;

  std::string text(Describe(principal.reason).token);
  text += ": ";
  const char* separator = "";
  for (const Attempt& attempt : attempts) {
    text += separator;
    separator = "; ";
    if (!attempt.where.empty()) text += attempt.where + ": ";
    if (attempt.reason != principal.reason) {
      text += Describe(attempt.reason).token;
      text += ": ";
    }
    text += attempt.what;
  }
  // The hint is worth more than the tenth host.
  const std::string hint =
      principal.hint.empty() ? "" : "; hint: " + principal.hint;
  const std::size_t room = kMaxText - std::min(kMaxText, hint.size());
  if (text.size() > room) text = text.substr(0, room) + "...";
  result.text = text + hint;
  return result;
}

}  // namespace postern
