// core/outcome/result.h
//
// Error: "I could not find out", with a reason and what was seen. Result<T>: a
// value or an Error. An Error never turns into a permit; the one function that
// turns it into an outcome is DeferFor() in verdict.h.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "core/outcome/reason.h"

namespace postern {

class [[nodiscard]] Error {
 public:
  Error(Reason reason, std::string detail)
      : reason_(reason), detail_(std::move(detail)) {}

  Reason reason() const { return reason_; }
  // What was seen, for the log: one line, already free of control characters
  // where it quotes a peer.
  const std::string& detail() const { return detail_; }
  // "token: detail"
  std::string ToString() const;

 private:
  Reason reason_;
  std::string detail_;
};

// What somebody said or wrote can't be taken: Reason::kRequestInvalid.
inline Error Invalid(std::string detail) {
  return {Reason::kRequestInvalid, std::move(detail)};
}

// Holds a T or an Error. Asking for the one that is not there is a programming
// error and ends the process (std::get throws, nobody catches).
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

// Success without a value.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const { return error_.value(); }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace postern
