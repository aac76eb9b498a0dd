// sendmail-milter/postern_milter.cc
//
// postern-milter: a milter that has one question at RCPT, asked of posternd. It
// resolves and decides nothing, and keeps nothing: libmilter moves one
// connection between threads, and every recipient is a question by itself.
// Whatever goes wrong is a 451.
#include <libmilter/mfapi.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "core/clock/clock.h"
#include "core/config/program_main.h"
#include "core/service/client.h"
#include "sendmail-milter/milter_words.h"
#include "sendmail-milter/program_spec.h"

namespace postern {
namespace {

// Above the door's own budget, below the MTA's (R:30s).
constexpr std::chrono::seconds kBudget{25};

// Set by Main() before libmilter starts its threads, and read only from then
// on: a callback gets nothing but libmilter's context.
struct Wanted {
  std::string service_socket;
  std::vector<std::string> left_alone;
};
const Wanted* wanted = nullptr;

std::string_view Macro(SMFICTX* context, const char* name) {
  std::string buffer(name);
  const char* value = smfi_getsymval(context, buffer.data());
  return value == nullptr ? std::string_view() : std::string_view(value);
}

SmtpAnswer Ask(const Request& question) {
  const Deadline deadline = Deadline::After(kBudget);
  auto client = ServiceClient::Connect(wanted->service_socket, deadline);
  if (!client) return AnswerOf(client.error());
  const Result<Reply> reply = client->Ask(question, deadline);
  return reply ? AnswerOf(*reply) : AnswerOf(reply.error());
}

sfsistat Tell(SMFICTX* context, SmtpAnswer answer) {
  if (answer.code.empty()) return SMFIS_CONTINUE;
  // libmilter does not mind a 4.x.x behind a 550.
  const bool reject = answer.code == "550" && answer.status.starts_with("5.");
  if (!reject) answer.code = "451";
  smfi_setreply(context, answer.code.data(), answer.status.data(),
                answer.text.data());
  return reject ? SMFIS_REJECT : SMFIS_TEMPFAIL;
}

sfsistat AtRecipient(SMFICTX* context, char** /*arguments*/) {
  try {
    const RecipientMacros macros{
        Macro(context, "{rcpt_mailer}"), Macro(context, "{rcpt_host}"),
        Macro(context, "{rcpt_addr}"), Macro(context, "i")};
    const RecipientQuestion question = QuestionOf(macros, wanted->left_alone);
    if (std::holds_alternative<LeftAlone>(question)) return SMFIS_CONTINUE;
    if (const auto* error = std::get_if<Error>(&question)) {
      return Tell(context, AnswerOf(*error));
    }
    return Tell(context, Ask(std::get<Request>(question)));
  } catch (...) {
    return SMFIS_TEMPFAIL;
  }
}

Program ThisProgram() {
  return {"postern-milter", POSTERN_VERSION, PosternMilterSpec()};
}

int Complain(std::string_view text, int status) {
  return Complain(ThisProgram(), text, status);
}

int Serve(const ParsedCommand& args) {
  if (geteuid() == 0 && !args.Has("allow-root")) {
    return Complain(
        "refuses to run as root; start it as the user 'postern-client'",
        kExitUsage);
  }
  static const Wanted given{args.Get("service-socket"),
                            args.All("leave-alone")};
  wanted = &given;
  // The socket is its group's, too: an MTA that does not connect as root.
  umask(0117);
  std::string name = "postern";
  smfiDesc filter{};
  filter.xxfi_name = name.data();
  filter.xxfi_version = SMFI_VERSION;
  filter.xxfi_flags = SMFIF_NONE;
  filter.xxfi_envrcpt = AtRecipient;
  std::string socket = args.Get("socket");
  if (smfi_register(filter) != MI_SUCCESS ||
      smfi_setconn(socket.data()) != MI_SUCCESS) {
    return Complain("not a socket for libmilter: " + socket, kExitUsage);
  }
  if (smfi_opensocket(/*rmsocket=*/true) != MI_SUCCESS) {
    return Complain("cannot listen at " + socket, kExitFailed);
  }
  return smfi_main() == MI_SUCCESS ? kExitGood : Complain("ended", kExitFailed);
}

}  // namespace
}  // namespace postern

int main(int argc, char** argv) {
  return postern::RunProgram(postern::ThisProgram(), argc, argv,
                             postern::Serve);
}
