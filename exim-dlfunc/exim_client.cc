#include "exim-dlfunc/exim_client.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/clock/clock.h"
#include "core/outcome/verdict.h"
#include "core/service/client.h"
#include "core/service/owned_fd.h"
#include "core/service/unix_socket.h"

namespace postern {
namespace {

// Planning waits for DNS; judging may look up a PTR name. A little longer than
// the door takes itself (exim_door.cc), so that its answer is heard.
constexpr std::chrono::seconds kPlanBudget{35};
constexpr std::chrono::seconds kJudgeBudget{20};
// A report that nobody takes must not hold up the mail.
constexpr std::chrono::seconds kReportBudget{2};
// Exim comes from one gate to the other without a word to the server.
constexpr std::chrono::seconds kBetweenGates{1};
constexpr std::size_t kMaxText = 900;
constexpr std::size_t kMaxData = 400;
constexpr std::size_t kMaxChain = 32;

EximAnswer No(const Error& error) {
  return {false, OneLine(ToLogText(DeferFor(error)), kMaxText)};
}

// A reply that is not the "yes" that was hoped for. Only the service's own
// words of refusal are handed on; anything else is not an answer.
EximAnswer Refusal(const Reply& reply) {
  const bool refuses = reply.word == "deferred" || reply.word == "error";
  if (refuses && ParseStatusText(reply.rest, "4")) {
    return {false, OneLine(reply.rest, kMaxText)};
  }
  return No(
      {Reason::kServiceUnavailable,
       "it answered '" + OneLine(reply.word + " " + reply.rest, 80) + "'"});
}

bool OffersStartTls(std::string_view ehlo) {
  std::string upper(ehlo);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return upper.find("-STARTTLS") != std::string::npos ||
         upper.find(" STARTTLS") != std::string::npos;
}

bool IsBase64(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=';
  });
}

bool ShowsOurCertificate(std::string_view address_data) {
  return address_data.find(" certificate=") != std::string_view::npos;
}

// Two connections with the same one are the same to the service.
std::string StateOf(const EximPlace& place, std::string_view address_data,
                    const EximClient::Tls& tls) {
  std::string state;
  for (const std::string_view part :
       {std::string_view(place.queue_id), std::string_view(place.domain),
        std::string_view(place.host), std::string_view(place.address),
        std::string_view(place.port), address_data, tls.version, tls.cipher,
        tls.server_name, tls.leaf}) {
    state += part;
    state += '\n';
  }
  return state;
}

// The events that say how a connection ended for the message.
bool IsEnd(std::string_view name) {
  return name == "msg:host:defer" || name == "msg:rcpt:host:defer" ||
         name == "msg:defer" || name == "msg:delivery" ||
         name == "msg:fail:delivery" || name == "tls:fail:connect";
}

}  // namespace

EximAnswer EximAnswer::Denied(const Error& error) { return No(error); }

Result<EximPlace> EximPlace::Parse(std::string_view text) {
  EximPlace place;
  std::string* const fields[] = {&place.queue_id, &place.domain, &place.host,
                                 &place.address, &place.port};
  for (std::string* const field : fields) {
    const bool last = field == &place.port;
    const std::size_t bar = text.find('|');
    if (last != (bar == std::string_view::npos)) {
      return Error{Reason::kRequestInvalid,
                   "the place of a connection is message|domain|host|address|"
                   "port"};
    }
    *field = text.substr(0, bar);
    text.remove_prefix(last ? text.size() : bar + 1);
  }
  return place;
}

Result<Reply> EximClient::Ask(const Request& request,
                              std::chrono::milliseconds budget) {
  const Deadline deadline = Deadline::After(budget);
  auto client = ServiceClient::Connect(socket_, deadline);
  if (!client) return client.error();
  return client->Ask(request, deadline, kMaxChainLine);
}

void EximClient::Tell(const Request& request) {
  const Deadline deadline = Deadline::After(kReportBudget);
  const Result<OwnedFd> fd = ConnectUnix(socket_, deadline);
  const Result<std::string> line = FormatRequest(request, kMaxChainLine);
  // Whoever is not there is not told; the record then says "unreported".
  if (fd && line) (void)SendText(fd->get(), *line, -1, deadline);
}

EximAnswer EximClient::Plan(std::string_view domain, std::string_view next_hop,
                            std::string_view queue_id) {
  Request request{"plan", {{"domain", std::string(domain)}}};
  if (!next_hop.empty()) request.fields.emplace_back("nexthop", next_hop);
  if (!queue_id.empty()) request.fields.emplace_back("queue-id", queue_id);
  const Result<Reply> reply = Ask(request, kPlanBudget);
  if (!reply) return No(reply.error());
  if (reply->word != "plan" || !reply->rest.starts_with("plan=")) {
    return Refusal(*reply);
  }
  return {true, reply->rest};
}

EximClient::Noted& EximClient::Connection(const EximPlace& place) {
  const pid_t pid = getpid();
  if (noted_.pid != pid || noted_.host != place.host ||
      noted_.address != place.address) {
    noted_ = Noted{};
    noted_.pid = pid;
    noted_.host = place.host;
    noted_.address = place.address;
  }
  return noted_;
}

EximAnswer EximClient::Judge(std::string_view stage, const EximPlace& place,
                             std::string_view address_data, const Tls& tls,
                             std::string chain) {
  const Noted& connection = Connection(place);
  if (place.domain.empty() || place.host.empty() || place.address.empty()) {
    return No({Reason::kRequestInvalid,
               "Exim names no domain or no host for the connection "
               "(multi_domain must be false)"});
  }
  Request request{"judge",
                  {{"stage", std::string(stage)},
                   {"queue-id", place.queue_id},
                   {"domain", place.domain},
                   {"host", place.host},
                   {"address", place.address},
                   {"port", place.port},
                   {"address-data", std::string(address_data)},
                   {"tls-version", std::string(tls.version)},
                   {"cipher", std::string(tls.cipher)},
                   {"server-name", std::string(tls.server_name)},
                   {"chain", std::move(chain)}}};
  if (connection.ehlo_seen) {
    request.fields.emplace_back(
        "starttls", connection.starttls ? "offered" : "not-offered");
  }
  const Result<Reply> reply = Ask(request, kJudgeBudget);
  if (!reply) return No(reply.error());
  if (reply->word == "pass" && reply->rest.empty()) return {true, {}};
  return Refusal(*reply);
}

bool EximClient::TakePassed(const std::string& state) {
  const Passed passed = std::exchange(passed_, Passed{});
  return passed.pid == getpid() && !passed.until.expired() &&
         passed.state == state;
}

EximAnswer EximClient::Gate(Stage stage, const EximPlace& place,
                            std::string_view address_data, const Tls& tls) {
  const std::string state = StateOf(place, address_data, tls);
  if (TakePassed(state) && stage == Stage::kMail) return {true, {}};
  Noted& connection = Connection(place);
  std::string chain;
  // Only a chain whose leaf this connection really has: Exim tells no more of
  // the final state than the leaf.
  const std::vector<std::string>& noted = connection.chain;
  if (!noted.empty() && noted.back() == tls.leaf) {
    for (auto at = noted.rbegin(); at != noted.rend(); ++at) {
      chain += (chain.empty() ? "" : ",") + *at;
    }
  } else {
    chain = tls.leaf;
  }
  EximAnswer answer = Judge("mail", place, address_data, tls, std::move(chain));
  if (!answer.yes) {
    connection.told = true;
  } else if (stage == Stage::kHost) {
    passed_ = {getpid(), state, Deadline::After(kBetweenGates)};
  }
  return answer;
}

std::string EximClient::OnCertificate(std::string_view depth,
                                      const EximPlace& place,
                                      std::string_view address_data,
                                      std::string_view certificate) {
  Noted& connection = Connection(place);
  if (!IsBase64(certificate) || connection.chain.size() >= kMaxChain) {
    return No({Reason::kCertificateMalformed,
               "Exim shows no certificate at depth " + OneLine(depth, 8)})
        .text;
  }
  connection.chain.emplace_back(certificate);
  // Everywhere else the gate refuses, one step later and before MAIL: Exim
  // writes a veto down as the host's own failure, and every other destination
  // there would wait for its retry time. But a certificate of ours is not shown
  // to a server that is not who it should be.
  if (depth != "0" || !ShowsOurCertificate(address_data)) return {};
  std::string chain;
  for (auto at = connection.chain.rbegin(); at != connection.chain.rend();
       ++at) {
    chain += (chain.empty() ? "" : ",") + *at;
  }
  EximAnswer answer =
      Judge("certificate", place, address_data, Tls{}, std::move(chain));
  if (answer.yes) return {};
  connection.told = true;
  return std::move(answer.text);
}

void EximClient::Report(std::string_view name, std::string_view data,
                        const EximPlace& place, std::string_view address_data,
                        std::string_view errno_text) {
  std::string word(name);
  std::replace(word.begin(), word.end(), ':', '-');
  const Request request{"event",
                        {{"name", word},
                         {"data", OneLine(data, kMaxData)},
                         {"errno", std::string(errno_text)},
                         {"queue-id", place.queue_id},
                         {"domain", place.domain},
                         {"host", place.host},
                         {"address", place.address},
                         {"port", place.port},
                         {"address-data", std::string(address_data)}}};
  // Of what went well there is nothing to log.
  if (name == "msg:delivery") return Tell(request);
  const Result<Reply> reply = Ask(request, kReportBudget);
  if (reply && reply->word == "noted") remark_ = OneLine(reply->rest, kMaxText);
}

std::string EximClient::OnEvent(std::string_view name, std::string_view data,
                                const EximPlace& place,
                                std::string_view address_data,
                                std::string_view certificate,
                                std::string_view errno_text) {
  remark_.clear();
  if (name == "tcp:connect") {
    noted_ = Noted{};
    passed_ = Passed{};
    return {};
  }
  Noted& connection = Connection(place);
  if (name == "tls:cert") {
    return OnCertificate(data, place, address_data, certificate);
  }
  if (name == "smtp:ehlo") {
    // The first one: after STARTTLS nobody offers it again.
    if (!connection.ehlo_seen) connection.starttls = OffersStartTls(data);
    connection.ehlo_seen = true;
    return {};
  }
  if (!IsEnd(name)) return {};
  if (connection.told && name != "msg:delivery") return {};
  if (name == "tls:fail:connect") connection.told = true;
  Report(name, data, place, address_data, errno_text);
  return {};
}

}  // namespace postern
