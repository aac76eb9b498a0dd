// postfix-transport/recipient_groups.h
//
// RecipientGroups: one message on its way to the recipients of one transaction.
// Those of one domain go together; domains go side by side, a few at a time,
// and in an order that chance decides, so that a message with many slow
// destinations reaches other ones first with each attempt.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/clock/clock.h"
#include "core/delivery/delivery.h"
#include "postfix-transport/lmtp_protocol.h"

namespace postern {

// Made, waited for and destroyed by one thread.
class RecipientGroups {
 public:
  // Destinations of one message that are delivered to at the same time.
  static constexpr std::size_t kSideBySide = 8;

  // As many results as recipients, in their order; may throw.
  using Deliver =
      std::function<std::vector<RecipientResult>(const DeliveryRequest&)>;

  // Starts at once.
  RecipientGroups(const LmtpTransaction& transaction,
                  const Cancellation& cancellation, Deliver deliver,
                  Random& random);
  // Waits for deliveries that are under way.
  ~RecipientGroups();
  RecipientGroups(const RecipientGroups&) = delete;
  RecipientGroups& operator=(const RecipientGroups&) = delete;

  // The result of the recipient at `index`, once there is one.
  RecipientResult Await(std::size_t index);
  // Whether Await() would return at once.
  bool settled(std::size_t index);

 private:
  struct Group {
    DeliveryRequest request;
    std::vector<std::size_t> whom;  // places in the transaction
  };

  void Work();
  // False: no group is left to take.
  bool WorkOnOne();
  std::vector<RecipientResult> Results(const Group& group) const;

  const Deliver deliver_;
  std::vector<Group> groups_;

  std::mutex mutex_;
  std::condition_variable settled_;
  std::size_t next_ = 0;                                 // guarded by mutex_
  std::vector<std::optional<RecipientResult>> results_;  // guarded by mutex_
  std::vector<std::thread> helpers_;
};

}  // namespace postern
