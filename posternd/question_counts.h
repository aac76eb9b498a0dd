// posternd/question_counts.h
//
// QuestionCounts: what a door was asked whose MTA makes its connections itself,
// and what it said; for `status`. They outlive a reload. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/service/line_protocol.h"

namespace postern {

class QuestionCounts {
 public:
  // Every request is a question. Asked before MAIL, "pass" lets a message go;
  // at any stage, "deferred" makes one wait.
  void Count(const Request& request, const Reply& reply) {
    ++questions_;
    const std::string* const stage = request.Find("stage");
    if (reply.word == "pass" && stage != nullptr && *stage == "mail") ++passed_;
    if (reply.word == "deferred") ++deferred_;
  }

  std::uint64_t questions() const { return questions_; }
  std::uint64_t passed() const { return passed_; }
  std::uint64_t deferred() const { return deferred_; }

 private:
  std::atomic<std::uint64_t> questions_{0}, passed_{0}, deferred_{0};
};

}  // namespace postern
