#include "core/delivery/message_journal.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "core/x509/digest.h"

namespace postern {
namespace {

constexpr std::size_t kBlock = 64 * 1024;

// For the end of another delivery of the same message; then the MTA's next
// attempt hears of it, and this one's hand is free for other mail.
constexpr std::chrono::seconds kOtherDelivery{30};

}  // namespace

Result<std::string> MessageDigest(const std::string& sender,
                                  const Message& message) {
  DigestOfParts digest(DigestAlgorithm::kSha256);
  digest.Add(sender);
  // No address holds one, so no message can begin like another's sender.
  digest.Add(std::string_view("\0", 1));
  std::vector<char> block(std::min<std::uint64_t>(kBlock, message.size() + 1));
  for (std::uint64_t offset = 0; offset < message.size();) {
    const Result<std::size_t> count = message.Read(offset, block);
    if (!count.ok()) return count.error();
    if (*count == 0) {
      return Error{Reason::kInternal, "the message is shorter than its size"};
    }
    digest.Add({block.data(), *count});
    offset += *count;
  }
  return digest.Finish();
}

Result<MessageJournal> MessageJournal::For(DeliveryJournal* journal,
                                           const Envelope& envelope,
                                           const Message& message) {
  if (journal == nullptr || envelope.queue_id.empty()) return MessageJournal();
  Result<std::string> digest = MessageDigest(envelope.sender, message);
  if (!digest.ok()) return digest.error();
  return MessageJournal(*journal, envelope.queue_id, *std::move(digest));
}

std::vector<JournalKey> MessageJournal::KeysOf(
    const std::vector<std::string>& recipients) const {
  std::vector<JournalKey> keys;
  keys.reserve(recipients.size());
  for (const std::string& recipient : recipients) {
    keys.push_back({queue_id_, recipient, digest_});
  }
  return keys;
}

Result<UnderWay::Place> MessageJournal::Enter(
    const std::vector<std::string>& recipients, Deadline deadline,
    const Cancellation& cancellation) {
  if (journal_ == nullptr) return UnderWay::Place();
  UnderWay::Names names;
  for (const JournalKey& key : KeysOf(recipients)) {
    // Neither a queue id nor an address holds a NUL.
    names.insert(key.queue_id + '\0' + key.recipient + '\0' + key.digest);
  }
  return journal_->under_way().Enter(
      std::move(names), deadline.Within(kOtherDelivery), cancellation);
}

Result<std::vector<std::optional<JournalEntry>>> MessageJournal::AlreadySent(
    const std::vector<std::string>& recipients) {
  if (journal_ == nullptr) {
    return std::vector<std::optional<JournalEntry>>(recipients.size());
  }
  Result<std::vector<std::optional<JournalEntry>>> found =
      journal_->Find(KeysOf(recipients));
  if (!found.ok()) return found.error();
  for (auto& entry : *found) {
    if (entry && entry->state != JournalState::kDelivered) entry.reset();
  }
  return found;
}

Status MessageJournal::Begin(const std::vector<std::string>& recipients,
                             std::string_view where) {
  if (journal_ == nullptr) return {};
  return journal_->Begin(KeysOf(recipients), where);
}

void MessageJournal::End(const std::vector<JournalEnd>& ends) noexcept {
  if (journal_ == nullptr) return;
  try {
    std::vector<std::string> recipients;
    for (const JournalEnd& end : ends) recipients.push_back(end.recipient);
    journal_->End(KeysOf(recipients), ends);
  } catch (const std::exception&) {
    // No memory for the keys: the entry stays begun, and says nothing.
  }
}

}  // namespace postern
