#include <algorithm>

#include "pin-admin/doctor/postfix_coverage.h"
#include "pin-admin/doctor/postfix_setup.h"

namespace postern {
namespace {

using Weight = Remark::Weight;

constexpr long long kDay = 86400;
constexpr long long kLongRetry = 600;

class Queue {
 public:
  Queue(const PostfixConfig& config, const OwnSetup& own)
      : config_(config), own_(own) {}

  std::vector<Diagnosis> All() {
    Lifetime();
    Bounces();
    Notices();
    Retry();
    Size();
    Instances();
    return std::move(found_);
  }

 private:
  void Tell(Weight weight, std::string code, std::string what, std::string why,
            std::string mend) {
    found_.push_back({weight, std::move(code), config_.MainCf(),
                      std::move(what), std::move(why), std::move(mend)});
  }

  // What Postern holds back waits in Postfix's queue.
  void Lifetime() {
    const std::string value = config_.Get("maximal_queue_lifetime");
    const auto lifetime = ParsePostfixTime(value, 'd');
    if (!lifetime || *lifetime >= kDay) return;
    const bool at_once = *lifetime < 3600;
    Tell(at_once ? Weight::kNo : Weight::kWarning, "queue-lifetime",
         "maximal_queue_lifetime = " + value,
         at_once ? "mail that Postern holds back is bounced instead of waiting"
                 : "mail that Postern holds back is bounced before somebody "
                   "can look at it",
         "maximal_queue_lifetime = 5d");
  }

  void Bounces() {
    if (!IsYes(config_.Get("soft_bounce"))) return;
    Tell(Weight::kWarning, "soft-bounce", "soft_bounce = yes",
         "a partner's true 'no such user' is tried again for days; it is meant "
         "for tests",
         "soft_bounce = no");
  }

  void Notices() {
    const std::vector<std::string> classes =
        SplitPostfixList(config_.Get("notify_classes"));
    const auto has = [&classes](std::string_view name) {
      return std::find(classes.begin(), classes.end(), name) != classes.end();
    };
    if (has("software") && has("resource")) return;
    Tell(Weight::kWarning, "notify-classes",
         "notify_classes = " + config_.Get("notify_classes"),
         "the postmaster is not told of mail that is held back by a fault on "
         "this host",
         "notify_classes = resource, software");
  }

  void Retry() {
    const std::string value = config_.Get("transport_retry_time");
    const auto time = ParsePostfixTime(value, 's');
    if (!time || *time <= kLongRetry) return;
    Tell(Weight::kWarning, "transport-retry-time",
         "transport_retry_time = " + value,
         "after one failed start of the transport, mail waits that long",
         "transport_retry_time = 60s");
  }

  void Size() {
    const auto limit = ParsePostfixTime(config_.Get("message_size_limit"), 's');
    if (!limit) return;
    const auto ours = static_cast<long long>(own_.settings.max_message_size);
    if (*limit != 0 && *limit <= ours) return;
    Tell(Weight::kWarning, "message-size",
         "message_size_limit = " + config_.Get("message_size_limit") +
             ", and the service takes " + std::to_string(ours) + " octets",
         "Postfix accepts mail that Postern defers until it is bounced",
         "main.cf: message_size_limit = " + std::to_string(ours) +
             "\n(or max-message-size in postern.conf)");
  }

  // Another instance has a routing of its own.
  void Instances() {
    if (!IsYes(config_.Get("multi_instance_enable"))) return;
    for (const std::string& directory :
         SplitPostfixList(config_.Get("multi_instance_directories"))) {
      if (directory == config_.place().config_directory) continue;
      Tell(Weight::kUnknown, "instance-not-asked",
           "there is another instance, " + directory,
           "mail may leave through it, past Postern",
           "pin-admin doctor --postfix-config " + directory +
               "\n(and with --known instance-not-asked here)");
    }
  }

  const PostfixConfig& config_;
  const OwnSetup& own_;
  std::vector<Diagnosis> found_;
};

}  // namespace

std::vector<Diagnosis> PostfixQueueSetup(const PostfixConfig& config,
                                         const OwnSetup& own) {
  return Queue(config, own).All();
}

}  // namespace postern
