#include "sendmail-milter/sendmail_map.h"

#include <algorithm>
#include <utility>

#include "core/delivery/on_fail.h"
#include "core/delivery/report.h"
#include "core/gate/made_connection.h"
#include "core/names/quoted.h"

namespace postern {
namespace {

// A queue run that begins anew is another connection.
constexpr std::chrono::seconds kSameConnection{10};
constexpr std::size_t kMostNoted = 20'000;
// Sendmail's macros and log lines are short.
constexpr std::size_t kMaxText = 400;

// What Sendmail's rulesets would read as quotes, comments, routes or macros.
std::string Harmless(std::string_view text) {
  std::string harmless;
  for (const char c : text.substr(0, kMaxText)) {
    const auto octet = static_cast<unsigned char>(c);
    constexpr std::string_view kSpecial = "()<>\"\\$|";
    const bool plain =
        octet >= 0x20 && octet < 0x7f && kSpecial.find(c) == kSpecial.npos;
    harmless += plain ? c : ' ';
  }
  return harmless;
}

// Always 4.7: another class makes Sendmail bounce other mail, and the rulesets
// know no other subject.
std::string Refusal(const Verdict& verdict) {
  const RecipientResult result = postern::Conclude(
      {FromVerdict(verdict)}, RecipientResult::Outcome::kDeferred);
  const bool fits = result.status.starts_with("4.7.") &&
                    result.status.size() == std::string("4.7.5").size();
  return (fits ? result.status : "4.7.5") + ":" + Harmless(result.text);
}

}  // namespace

bool JustRecorded::Note(const std::string& what) {
  const std::lock_guard lock(mutex_);
  const TimePoint now = clock_.Now();
  if (noted_.size() >= kMostNoted) {
    std::erase_if(noted_, [now](const auto& entry) {
      return now - entry.second >= kSameConnection;
    });
    if (noted_.size() >= kMostNoted) noted_.clear();
  }
  const auto [at, added] = noted_.try_emplace(what, now);
  const bool before = at->second <= now && now - at->second < kSameConnection;
  if (!added && before) return false;
  at->second = now;
  return true;
}

std::optional<SocketMapReply> SendmailMap::Known(const SocketMapQuery& query) {
  return Answer(query, std::nullopt);
}

SocketMapReply SendmailMap::Find(const SocketMapQuery& query, Deadline deadline,
                                 int stop_fd) {
  Cancellation stop;
  stop.stop_fd = stop_fd;
  auto reply =
      Answer(query, LiveJudge::Patience{deadline.Within(kBudget), stop});
  return reply ? *std::move(reply)
               : SocketMapReply::Temp("nothing was found out");
}

std::string SendmailMap::OwnerOf(const SocketMapQuery& query) {
  const Result<MapQuestion> question = ParseMapQuestion(query.key);
  if (!question || !question->destination) return {};
  return ToString(*question->destination);
}

std::optional<SocketMapReply> SendmailMap::Answer(
    const SocketMapQuery& query,
    const std::optional<LiveJudge::Patience>& patience) {
  if (query.map != kName) {
    return SocketMapReply::Temp("there is no map " + Quoted(query.map) +
                                " here");
  }
  const Result<MapQuestion> question = ParseMapQuestion(query.key);
  if (!question) {
    return SocketMapReply::Ok(Refusal(DeferFor(question.error())));
  }
  // Whose mail it is comes with the first recipient.
  if (!question->destination) return SocketMapReply::Ok("PASS");
  auto judged = judge_.Judge(*question, patience);
  if (!judged) return std::nullopt;
  return SocketMapReply::Ok(Conclude(*question, *judged));
}

bool SendmailMap::MayGoAnyway(const MapQuestion& question,
                              const LiveJudge::Judged& judged) const {
  if (!judged.plan || judged.host == nullptr) return false;
  const FailedPasses::Next next =
      passes_.After(question.queue_id, *judged.plan);
  if (next.action != FailedPasses::Next::Action::kDeliver) return false;
  const OnFail on_fail = judged.plan->on_fail;
  // A look takes time, in which the line may have lost its on-fail=.
  return MayPassOver(on_fail, *judged.host, judged.verdict) != PassOver::kNo &&
         (question.encrypted || on_fail == OnFail::kDeliverClear) &&
         gate_.StillHolds(*judged.plan);
}

std::string SendmailMap::Conclude(const MapQuestion& question,
                                  LiveJudge::Judged& judged) {
  Verdict& verdict = judged.verdict;
  const bool before_mail = question.asks == MapQuestion::Asks::kConnection;
  if (verdict.pass()) {
    if (!before_mail) Record(question, judged);
    return "PASS";
  }
  if (MayGoAnyway(question, judged)) {
    verdict.decision = Decision::kDeliverAnyway;
    if (!before_mail) Record(question, judged);
    return "PASS";
  }
  Record(question, judged);
  if (judged.plan && judged.host != nullptr) {
    passes_.Note(question.queue_id, *judged.plan, *judged.host,
                 question.address, verdict);
    if (judged.host->published && IsPolicyNo(verdict)) {
      gate_.NoteRefused(*judged.plan, *judged.host);
      plans_.Forget(judged.plan->destination.recipient,
                    judged.plan->destination.next_hop);
    }
  }
  return Refusal(verdict);
}

void SendmailMap::Record(const MapQuestion& question,
                         const LiveJudge::Judged& judged) {
  const Verdict& verdict = judged.verdict;
  const bool passed =
      verdict.pass() || verdict.decision == Decision::kDeliverAnyway;
  std::string what(ToString(verdict.decision));
  what += Describe(verdict.reason).token;
  for (const std::string& part :
       {question.queue_id, ToString(*question.destination),
        ToString(question.server), question.address.str(),
        question.leaf_sha256}) {
    what += '\n' + part;
  }
  if (!recorded_.Note(what)) return;
  SessionRecord record;
  if (judged.plan && judged.host != nullptr) {
    record = RecordOf("sendmail", *judged.plan, *judged.host, question.queue_id,
                      verdict, clock_.Now());
  } else {
    record.at = clock_.Now();
    record.door = "sendmail";
    record.queue_id = question.queue_id;
    record.destination = ToString(*question.destination);
    if (question.hop) record.next_hop = question.hop->str();
    record.verdict = verdict;
  }
  record.evidence = judged.evidence;
  record.starttls_offered = question.encrypted;
  // Sendmail does not say how a message that may go has fared.
  record.outcome = passed ? "unreported" : "refused";
  sink_.OnSession(record);
}

}  // namespace postern
