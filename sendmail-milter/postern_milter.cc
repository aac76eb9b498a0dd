// sendmail-milter/postern_milter.cc
//
// postern-milter: a milter that has one question at RCPT, asked of posternd. It
// resolves and decides nothing, and keeps nothing of a connection: libmilter
// moves one between threads, and every recipient is a question by itself.
// Whatever goes wrong is a 451.
#include <libmilter/mfapi.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "core/config/program_main.h"
#include "sendmail-milter/milter_words.h"
#include "sendmail-milter/program_spec.h"
#include "sendmail-milter/recipient_asker.h"

namespace postern {
namespace {

// Set by Serve() before libmilter starts its threads, and the pointer only read
// from then on: a callback gets nothing but libmilter's context.
struct Serving {
  RecipientAsker asker;
  const std::vector<std::string> left_alone;
};
Serving* serving = nullptr;

std::string_view Macro(SMFICTX* context, const char* name) {
  std::string buffer(name);
  const char* value = smfi_getsymval(context, buffer.data());
  return value == nullptr ? std::string_view() : std::string_view(value);
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
    const auto question = QuestionOf(macros, serving->left_alone);
    if (!question) return SMFIS_CONTINUE;
    return Tell(context, serving->asker.Ask(*question));
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
  static Serving it{RecipientAsker(args.Get("service-socket")),
                    args.All("leave-alone")};
  serving = &it;
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
