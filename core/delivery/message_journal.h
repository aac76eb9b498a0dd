// core/delivery/message_journal.h
//
// MessageJournal: the delivery journal as the delivery of one message uses it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/delivery/journal.h"
#include "core/smtp/message.h"

namespace postern {

// SHA-256 over the sender and the message as it was spooled. An MTA that uses a
// queue id again does so with another message.
Result<std::string> MessageDigest(const std::string& sender,
                                  const Message& message);

// Without a journal, or for a message that the MTA gave no queue id, it finds
// and notes nothing: nothing tells a retry from the same message sent twice on
// purpose. Borrows the journal. Movable.
class MessageJournal {
 public:
  MessageJournal() = default;
  static Result<MessageJournal> For(DeliveryJournal* journal,
                                    const Envelope& envelope,
                                    const Message& message);

  // Nobody else delivers it to these until the place is left. Waits for who
  // does; errors as UnderWay::Enter().
  Result<UnderWay::Place> Enter(const std::vector<std::string>& recipients,
                                Deadline deadline,
                                const Cancellation& cancellation);
  // In the order of `recipients`: the entries that say "already sent".
  Result<std::vector<std::optional<JournalEntry>>> AlreadySent(
      const std::vector<std::string>& recipients);
  Status Begin(const std::vector<std::string>& recipients,
               std::string_view where);
  void End(const std::vector<JournalEnd>& ends) noexcept;

 private:
  MessageJournal(DeliveryJournal& journal, std::string queue_id,
                 std::string digest)
      : journal_(&journal),
        queue_id_(std::move(queue_id)),
        digest_(std::move(digest)) {}
  std::vector<JournalKey> KeysOf(
      const std::vector<std::string>& recipients) const;

  DeliveryJournal* journal_ = nullptr;
  std::string queue_id_, digest_;
};

}  // namespace postern
