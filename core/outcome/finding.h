// core/outcome/finding.h
//
// Finding: what one verifier says about one connection. "No" is an answer: a
// violated finding is a value that travels to the log and to the administrator.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "core/outcome/reason.h"
#include "core/outcome/result.h"

namespace postern {

class [[nodiscard]] Finding {
 public:
  enum class State { kSatisfied, kViolated, kUndecided };

  // `detail` says what was matched ("spki sha256 3f…, pin 'mx 2026'").
  static Finding Satisfied(std::string detail) {
    return {State::kSatisfied, Reason::kOk, std::move(detail)};
  }
  static Finding Violated(Reason reason, std::string detail) {
    return {State::kViolated, reason, std::move(detail)};
  }
  // Could not be decided: never passes, never bounces.
  static Finding Undecided(const Error& error) {
    return {State::kUndecided, error.reason(), error.detail()};
  }

  State state() const { return state_; }
  bool satisfied() const { return state_ == State::kSatisfied; }
  Reason reason() const { return reason_; }
  const std::string& detail() const { return detail_; }
  // The hint of the reason, or a more telling one where the verifier has it.
  const std::string& hint() const { return hint_; }
  // The verifier's token ("pin", "webpki"); set by Judge().
  const std::string& source() const { return source_; }

  Finding&& WithHint(std::string hint) && {
    hint_ = std::move(hint);
    return std::move(*this);
  }
  Finding&& From(std::string source) && {
    source_ = std::move(source);
    return std::move(*this);
  }
  // True where the policy held only through something an administrator wants
  // to hear of: a backup pin, a weak name. Such a finding is still satisfied.
  bool noteworthy() const { return noteworthy_; }
  Finding&& Noteworthy() && {
    noteworthy_ = true;
    return std::move(*this);
  }

 private:
  Finding(State state, Reason reason, std::string detail)
      : state_(state),
        reason_(reason),
        detail_(std::move(detail)),
        hint_(Describe(reason).hint) {}

  State state_;
  Reason reason_;
  std::string detail_;
  std::string hint_;
  std::string source_;
  bool noteworthy_ = false;
};

// "satisfied", "violated", "undecided": as records and answers have it.
std::string_view ToString(Finding::State state);

}  // namespace postern
