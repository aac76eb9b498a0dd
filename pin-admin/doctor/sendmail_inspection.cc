// pin-admin/doctor/sendmail_inspection.cc
//
// Sendmail behind MtaInspection: its sendmail.cf, and what `sendmail -bv` says
// of where mail goes.
#include <optional>
#include <utility>

#include "pin-admin/doctor/asked_routes.h"
#include "pin-admin/doctor/sendmail_config.h"
#include "pin-admin/read_file.h"

namespace postern {
namespace {

using Weight = Remark::Weight;

class SendmailInspection final : public MtaInspection {
 public:
  SendmailInspection(ProgramRunner& programs, SendmailFiles place,
                     std::string socket)
      : programs_(programs),
        place_(std::move(place)),
        socket_(std::move(socket)),
        text_(ReadInputFile(place_.config)) {
    if (text_) config_ = ParseSendmailConfig(*text_);
  }

  std::vector<Diagnosis> Setup() override {
    if (!text_) return {Unreadable()};
    return InspectSendmailConfig(config_, socket_, place_.config);
  }

  std::vector<Diagnosis> Bypasses(const WatchedPolicy& policy) override {
    if (policy.lines.empty()) return {};
    if (!text_) return {Unreadable()};
    AskedRoutes asked =
        AskAboutRoutes(policy, "sendmail", [this](const std::string& address) {
          return programs_.Run(
              {place_.program, "-C", place_.config, "-bv", address}, "");
        });
    std::vector<Diagnosis> found;
    for (const AskedRoute& route : asked.routes) {
      if (auto bad = CheckRoute(route)) found.push_back(*std::move(bad));
    }
    found.insert(found.end(), asked.unasked.begin(), asked.unasked.end());
    return found;
  }

 private:
  Diagnosis Unreadable() const {
    return CouldNotFindOut("sendmail-unreadable", place_.config, text_.error(),
                           "nobody can say whether its mail is judged",
                           "--sendmail-config names another file");
  }

  // Every mailer that speaks SMTP over a network is judged by the rulesets.
  std::optional<Diagnosis> CheckRoute(const AskedRoute& route) const {
    const std::string& key = route.key;
    const Result<ProgramOutput>& said = route.said;
    const std::string mend = place_.program + " -bv " + route.address;
    if (!said) {
      return CouldNotFindOut("sendmail-route-unknown", key, said.error(),
                             "nobody can say whether its mail is judged", mend);
    }
    constexpr std::string_view kWord = "deliverable: mailer ";
    const std::size_t at = said->out.find(kWord);
    if (at == std::string::npos) {
      return Diagnosis{Weight::kUnknown,
                       "sendmail-route-unknown",
                       key,
                       "sendmail -bv names no mailer",
                       "nobody can say whether its mail is judged",
                       mend};
    }
    const std::size_t begin = at + kWord.size();
    const std::string mailer =
        said->out.substr(begin, said->out.find_first_of(", \n", begin) - begin);
    if (config_.mailers.count(mailer) != 0) return std::nullopt;
    return Diagnosis{route.must ? Weight::kNo : Weight::kWarning,
                     "sendmail-bypass",
                     key,
                     "its mail goes by the mailer " + mailer +
                         ", which speaks no SMTP to other hosts",
                     "nothing is judged, whatever the line says",
                     mend};
  }

  ProgramRunner& programs_;
  const SendmailFiles place_;
  const std::string socket_;
  const Result<std::string> text_;
  SendmailConfig config_;
};

}  // namespace

std::unique_ptr<MtaInspection> InspectSendmail(ProgramRunner& programs,
                                               const SendmailFiles& place,
                                               const std::string& socket) {
  return std::make_unique<SendmailInspection>(programs, place, socket);
}

}  // namespace postern
