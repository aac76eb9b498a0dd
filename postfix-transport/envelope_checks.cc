#include "postfix-transport/envelope_checks.h"

#include <algorithm>

#include "core/names/quoted.h"
#include "core/service/line_protocol.h"
#include "core/smtp/smtp_path.h"

namespace postern {
namespace {

constexpr std::size_t kMaxQueueId = 64;

// Where the domain begins: after the last "@" outside quotes, if anything
// stands before and after it.
Result<std::string_view> DomainPart(std::string_view field,
                                    std::string_view address) {
  const Status safe = CheckPath(address);
  if (!safe) return InvalidField(field, address, safe.error().detail());
  // Nothing after an "@" outside quotes may hold a quote: the last "@" is it.
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == address.size() ||
      address.find('"', at) != std::string_view::npos) {
    return InvalidField(field, address, "not local-part@domain");
  }
  return address.substr(at + 1);
}

}  // namespace

Error InvalidField(std::string_view field, std::string_view value,
                   const std::string& why) {
  return Error{Reason::kRequestInvalid,
               std::string(field) + " " + Quoted(value) + ": " + why};
}

bool IsQueueId(std::string_view text) {
  return !text.empty() && text.size() <= kMaxQueueId &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                  (c >= 'A' && c <= 'Z');
         });
}

Status CheckSender(std::string_view sender) {
  if (sender.empty()) return {};  // the null reverse-path
  if (sender == "MAILER-DAEMON") {
    return InvalidField("sender", sender, "set null_sender= in master.cf");
  }
  const auto domain = DomainPart("sender", sender);
  if (!domain) return domain.error();
  return {};
}

Result<HostName> RecipientDomain(std::string_view recipient) {
  const auto text = DomainPart("recipient", recipient);
  if (!text) return text.error();
  Result<HostName> domain = ParseRecipientDomain(*text);
  if (!domain) {
    return InvalidField("recipient", recipient, domain.error().detail());
  }
  return domain;
}

std::string StatusOfClass(const RecipientResult& result, char wanted,
                          const char* otherwise) {
  const std::string classes(1, wanted);
  const auto parsed = ParseStatusText(result.status, classes);
  return parsed && parsed->text.empty() ? result.status : otherwise;
}

}  // namespace postern
