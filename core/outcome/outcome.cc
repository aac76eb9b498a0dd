#include "core/outcome/verdict.h"

namespace postern {

std::string Error::ToString() const {
  std::string text(Describe(reason_).token);
  if (!detail_.empty()) text += ": " + detail_;
  return text;
}

std::string_view ToString(Finding::State state) {
  switch (state) {
    case Finding::State::kSatisfied:
      return "satisfied";
    case Finding::State::kViolated:
      return "violated";
    case Finding::State::kUndecided:
      break;
  }
  return "undecided";
}

std::string_view ToString(Decision decision) {
  switch (decision) {
    case Decision::kPass:
      return "pass";
    case Decision::kBounce:
      return "bounce";
    case Decision::kDeliverAnyway:
      return "deliver-anyway";
    case Decision::kDefer:
      break;
  }
  return "defer";
}

std::string_view ToString(Basis basis) {
  return basis == Basis::kLive ? "live" : "probe";
}

Verdict DeferFor(const Error& error) {
  const ReasonInfo& info = Describe(error.reason());
  Verdict verdict;
  verdict.decision = Decision::kDefer;
  verdict.reason = error.reason();
  verdict.status = info.status;
  // An Error may carry a reason that is permanent (or kOk, by a mistake) where
  // it is proven; not having found out is never permanent.
  if (verdict.status.front() != '4')
    verdict.status = "4" + verdict.status.substr(1);
  verdict.sentence = info.sentence;
  if (!error.detail().empty()) verdict.sentence += " (" + error.detail() + ")";
  verdict.hint = info.hint;
  return verdict;
}

std::string ToLogText(const Verdict& verdict) {
  std::string text = verdict.status;
  text += ' ';
  text += Describe(verdict.reason).token;
  text += ": ";
  text += verdict.sentence;
  if (!verdict.hint.empty()) text += "; hint: " + verdict.hint;
  return text;
}

}  // namespace postern
