#include "pin-admin/handshake_look.h"

#include <memory>
#include <utility>
#include <variant>

#include "core/smtp/smtp_session.h"

namespace postern {
namespace {

HandshakeLook Failed(HandshakeLook look, const SmtpFailure& failure) {
  look.failure = failure.error;
  if (failure.reply) look.reply = failure.reply->Text();
  return look;
}

// EHLO and STARTTLS; leaves what was seen in `look`.
SmtpStatus Converse(SmtpSession& session, HandshakeLook& look,
                    Deadline deadline) {
  if (SmtpStatus status = session.Hello(deadline)) return status;
  if (session.encrypted()) return {};
  look.starttls_offered = session.offers_starttls();
  return session.StartTls(deadline);
}

}  // namespace

HandshakeLook LookAt(const LookRequest& request, const TlsClient& tls,
                     Deadline deadline) {
  SessionOptions options;
  options.helo = request.helo;
  options.wrapper = request.wrapper;
  options.tls.server_name = request.server_name;
  // Weak servers are to be seen, too.
  options.tls.ciphers = "medium";

  HandshakeLook look;
  auto opened =
      SmtpSession::Open(request.address, request.port, options, tls, deadline);
  if (const SmtpFailure* failure = std::get_if<SmtpFailure>(&opened)) {
    return Failed(std::move(look), *failure);
  }
  const std::unique_ptr<SmtpSession> session =
      std::get<std::unique_ptr<SmtpSession>>(std::move(opened));
  const SmtpStatus status = Converse(*session, look, deadline);
  look.evidence = session->evidence();
  session->Quit();
  return status ? Failed(std::move(look), *status) : look;
}

}  // namespace postern
