// sendmail-milter/recipient_asker.h
//
// RecipientAsker: postern-milter's questions to posternd, and the answers that
// it may give again without one.
//
// Again given is only a "pass" that rests on the policy alone (a line that asks
// for no proof), and only while posternd's own terms hold: the policy file is
// the one it was given by, looked at each time; the service that gave it has
// not ended, which the kernel tells each time; its few seconds are not over. A
// commit therefore bites at the next recipient, and so does the service's end.
// A look, a verdict on a look, a refusal and an error are never kept.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/clock/clock.h"
#include "core/service/socket_map_client.h"
#include "sendmail-milter/milter_words.h"
#include "sendmail-milter/recipient_words.h"

namespace postern {

// Thread-safe.
class PassesGiven {
 public:
  bool MayBeGivenAgain(const std::string& place);
  // `asked_at`: before the question was asked.
  void Note(const std::string& place, const PassTerms& terms,
            std::shared_ptr<const SocketMapLink> link,
            Deadline::MonotonicClock::time_point asked_at);

 private:
  using Time = Deadline::MonotonicClock::time_point;
  // What all that are noted rest on.
  struct Ground {
    PublishedFile policy;
    HeldFile file;
    std::shared_ptr<const SocketMapLink> link;
    bool holds() const { return link->open() && file.Unchanged(); }
  };
  void ForgetOn(const std::shared_ptr<const Ground>& ground);

  std::mutex mutex_;
  std::shared_ptr<const Ground> ground_;         // guarded by mutex_
  std::unordered_map<std::string, Time> until_;  // guarded by mutex_
};

// Thread-safe.
class RecipientAsker {
 public:
  // Above the door's own budget, below the MTA's (R:30s).
  static constexpr std::chrono::seconds kBudget{25};
  // More than the door takes on at a time, so that what it knows at once never
  // waits here for what it has to look at.
  static constexpr std::size_t kMostConnections = 2048;

  explicit RecipientAsker(std::string socket,
                          std::chrono::milliseconds budget = kBudget)
      : client_(std::move(socket), kMostConnections), budget_(budget) {}

  SmtpAnswer Ask(const RecipientQuestion& question);

 private:
  SocketMapClient client_;
  const std::chrono::milliseconds budget_;
  PassesGiven given_;
};

}  // namespace postern
