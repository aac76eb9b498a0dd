// sendmail-milter/milter_words.h
//
// The words of the milter protocol that postern-milter deals in: an MTA's
// macros about a recipient, and the reply that it gives the client. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/outcome/result.h"
#include "core/service/line_protocol.h"

namespace postern {

// At RCPT; empty where the MTA did not tell it.
struct RecipientMacros {
  std::string_view mailer{};    // {rcpt_mailer}: "esmtp", "local", "error"
  std::string_view host{};      // {rcpt_host}: "good.test.", "[relay]:25"
  std::string_view address{};   // {rcpt_addr}: "user@good.test"
  std::string_view queue_id{};  // i
};

// Mailers that send nothing over SMTP to another host.
std::span<const std::string_view> MailersLeftAlone();

// What posternd is asked about a recipient. Refers to the macros.
struct RecipientQuestion {
  std::string_view domain, next_hop, queue_id;

  // All that the answer depends on: everything but the message. Two that can be
  // asked have the same one only if they are the same.
  std::string Place() const;
  Request ToRequest() const;
};

// Nothing: it is nobody else's mail, or the MTA routes nothing yet.
// `left_alone`: more mailers than MailersLeftAlone().
std::optional<RecipientQuestion> QuestionOf(
    const RecipientMacros& macros, std::span<const std::string> left_alone);

// What the MTA tells its client. An empty code: nothing, the recipient goes on.
struct SmtpAnswer {
  std::string code, status, text;  // "451", "4.7.5", one line of ASCII
};
// Only "pass" goes on, and only a "bounced 5…" is for good.
SmtpAnswer AnswerOf(const Reply& reply);
SmtpAnswer AnswerOf(const Error& error);

}  // namespace postern
