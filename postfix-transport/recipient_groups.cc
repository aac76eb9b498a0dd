#include "postfix-transport/recipient_groups.h"

#include <algorithm>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

#include "core/outcome/verdict.h"

namespace postern {
namespace {

RecipientResult Failed(const std::string& why) {
  const ReasonInfo& info = Describe(Reason::kInternal);
  return {RecipientResult::Outcome::kDeferred, std::string(info.status),
          std::string(info.token) + ": " + why};
}

// lmtp(8)'s next hop is this door: a destination is reached by its own MX, or
// by the route= of its line.
NextHop OwnHop(const HostName& destination) {
  if (const auto* domain = std::get_if<Domain>(&destination)) {
    return NextHop::ForDomain(*domain);
  }
  return NextHop::ForHost(destination);
}

}  // namespace

RecipientGroups::RecipientGroups(const LmtpTransaction& transaction,
                                 const Cancellation& cancellation,
                                 Deliver deliver, Random& random)
    : deliver_(std::move(deliver)), results_(transaction.recipients.size()) {
  for (std::size_t i = 0; i < transaction.recipients.size(); ++i) {
    const LmtpTransaction::Recipient& recipient = transaction.recipients[i];
    auto group = std::find_if(
        groups_.begin(), groups_.end(), [&recipient](const Group& other) {
          return other.request.recipient_domain == recipient.domain;
        });
    if (group == groups_.end()) {
      DeliveryRequest request{
          "postfix-lmtp", recipient.domain, OwnHop(recipient.domain),
          Envelope{transaction.sender, {}, transaction.queue_id}, cancellation};
      group = groups_.insert(groups_.end(), Group{std::move(request), {}});
    }
    group->request.envelope.recipients.push_back(recipient.address);
    group->whom.push_back(i);
  }
  for (std::size_t i = groups_.size(); i > 1; --i) {
    std::swap(groups_[i - 1], groups_[random.Below(i)]);
  }
  // One destination, by far the most frequent case, is the caller's own work.
  const std::size_t helpers = std::min(groups_.size(), kSideBySide);
  for (std::size_t i = 0; helpers > 1 && i < helpers; ++i) {
    try {
      helpers_.emplace_back([this] { Work(); });
    } catch (const std::system_error&) {
      break;  // fewer at a time; with none, Await() does it
    }
  }
}

RecipientGroups::~RecipientGroups() {
  for (std::thread& helper : helpers_) helper.join();
}

RecipientResult RecipientGroups::Await(std::size_t index) {
  if (helpers_.empty()) {
    while (!settled(index) && WorkOnOne()) {
    }
  }
  std::unique_lock lock(mutex_);
  settled_.wait(lock, [&] { return results_[index].has_value(); });
  return *results_[index];
}

bool RecipientGroups::settled(std::size_t index) {
  const std::lock_guard lock(mutex_);
  return results_[index].has_value();
}

void RecipientGroups::Work() {
  while (WorkOnOne()) {
  }
}

bool RecipientGroups::WorkOnOne() {
  const Group* group = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (next_ == groups_.size()) return false;
    group = &groups_[next_++];
  }
  std::vector<RecipientResult> results = Results(*group);
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < group->whom.size(); ++i) {
      results_[group->whom[i]] = std::move(results[i]);
    }
  }
  settled_.notify_all();
  return true;
}

std::vector<RecipientResult> RecipientGroups::Results(
    const Group& group) const {
  std::string why = "not one answer for each recipient";
  try {
    std::vector<RecipientResult> results = deliver_(group.request);
    if (results.size() == group.whom.size()) return results;
  } catch (const std::exception& error) {
    why = error.what();
  } catch (...) {
    why = "unknown exception";
  }
  return std::vector<RecipientResult>(group.whom.size(), Failed(why));
}

}  // namespace postern
