// core/delivery/journal.h
//
// DeliveryJournal: what was begun and what was completed, so that a message
// which a server has taken is not sent again because the MTA never heard of it.
// An attempt is noted before anything of the envelope leaves, its end at the
// server's last word. Only a completed entry says "already sent"; one that was
// begun and not completed says nothing, and the message is sent again: SMTP
// can't tell whether the server has it (RFC 5321 section 4.5.3.2.6), and a
// duplicate is better than a loss.
//
// The interface; core/store has the implementation.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock/clock.h"
#include "core/delivery/under_way.h"
#include "core/outcome/result.h"

namespace postern {

// One message to one recipient, as the MTA holds it.
struct JournalKey {
  std::string queue_id;
  std::string recipient;  // as in the envelope
  std::string digest;     // MessageDigest(), in message_journal.h
  bool operator==(const JournalKey&) const = default;
};

// The numbers stand in the file.
enum class JournalState : std::uint8_t {
  kBegun = 0,       // nothing more is known: under way, or we were killed
  kDelivered = 1,   // the server has taken it
  kUnanswered = 2,  // the final dot was sent and no reply came
  kNotSent = 3,     // no server has it
};

// The end of an attempt.
struct JournalEnd {
  std::string recipient;
  JournalState state = JournalState::kNotSent;
  std::string status;  // RFC 3463
  std::string reply;   // the server's last words, or what happened instead
};

struct JournalEntry {
  JournalKey key;
  JournalState state = JournalState::kBegun;
  TimePoint begun_at{};               // the last attempt
  std::optional<TimePoint> ended_at;  // its end
  std::string where;                  // "mx.example[192.0.2.1]"
  std::string status, reply;          // as in JournalEnd
  unsigned attempts = 1;
  // Attempts before the last after which a server may have had the message.
  unsigned unknown = 0;
};

// Thread-safe.
class DeliveryJournal {
 public:
  virtual ~DeliveryJournal() = default;

  // In the order of `keys`; nothing where no attempt was begun. Error:
  // kJournalUnavailable.
  virtual Result<std::vector<std::optional<JournalEntry>>> Find(
      std::span<const JournalKey> keys) = 0;

  // Notes an attempt at `where` for all of `keys`. Once it is back with
  // success, they survive the end of the process. Error: kJournalUnavailable;
  // then nothing may be sent.
  virtual Status Begin(std::span<const JournalKey> keys,
                       std::string_view where) = 0;

  // What became of it: one end for each of `keys`. A delivered entry stays
  // delivered. Where it can't be written the journal itself complains: the
  // outcome doesn't change.
  virtual void End(std::span<const JournalKey> keys,
                   std::span<const JournalEnd> ends) noexcept = 0;

  // What of it this process is at now.
  UnderWay& under_way() { return under_way_; }

 protected:
  DeliveryJournal() = default;

 private:
  UnderWay under_way_;
};

}  // namespace postern
