#include "sendmail-milter/recipient_asker.h"

#include <utility>

namespace postern {
namespace {

constexpr std::size_t kMostPlaces = 10'000;

}  // namespace

bool PassesGiven::MayBeGivenAgain(const std::string& place) {
  std::shared_ptr<const Ground> ground;
  {
    const std::lock_guard lock(mutex_);
    const auto found = until_.find(place);
    if (found == until_.end()) return false;
    if (Deadline(found->second).expired()) {
      until_.erase(found);
      return false;
    }
    ground = ground_;
  }
  if (ground->holds()) return true;
  ForgetOn(ground);
  return false;
}

void PassesGiven::ForgetOn(const std::shared_ptr<const Ground>& ground) {
  const std::lock_guard lock(mutex_);
  if (ground_ != ground) return;
  until_.clear();
  ground_.reset();
}

void PassesGiven::Note(const std::string& place, const PassTerms& terms,
                       std::shared_ptr<const SocketMapLink> link,
                       Time asked_at) {
  const std::lock_guard lock(mutex_);
  if (!ground_ || ground_->policy != terms.policy || !ground_->holds()) {
    until_.clear();
    ground_.reset();
    auto file = HeldFile::Hold(terms.policy);
    if (!file) return;
    ground_ = std::make_shared<const Ground>(
        Ground{terms.policy, *std::move(file), std::move(link)});
  }
  if (until_.size() >= kMostPlaces && !until_.contains(place)) until_.clear();
  until_.insert_or_assign(place, asked_at + terms.hold);
}

SmtpAnswer RecipientAsker::Ask(const RecipientQuestion& question) {
  const std::string place = question.Place();
  if (given_.MayBeGivenAgain(place)) return {};
  // An MTA that lets octets through to here that can't be sent is told so.
  const Result<SocketMapQuery> query = ToQuery(question.ToRequest());
  if (!query) return AnswerOf(query.error());
  const auto asked_at = Deadline::MonotonicClock::now();
  auto answer = client_.Ask(*query, Deadline(asked_at + budget_));
  if (!answer) return AnswerOf(answer.error());
  const Result<Reply> reply = FromMapReply(answer->reply);
  if (!reply) return AnswerOf(reply.error());
  if (const auto terms = TermsOf(*reply)) {
    given_.Note(place, *terms, std::move(answer->link), asked_at);
  }
  return AnswerOf(*reply);
}

}  // namespace postern
