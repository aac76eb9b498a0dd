// postern-exim.so: the functions that Exim calls by ${dlfunc}. What Exim makes
// of a failed expansion differs from option to option, so each function denies
// in the way that its option understands:
//
//   plan       router's address_data      fails: the address is deferred
//   event      event_action               fails OPEN: "no" is a text
//   gate_list  hosts_require_auth         fails OPEN: "no" is "*"
//   gate       authenticated_sender       fails: the address is deferred
//
// So gate_list and event never fail, and where the whole library is missing
// plan and gate do. Nothing thrown leaves a function.
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "exim-dlfunc/exim_abi.h"
#include "exim-dlfunc/exim_client.h"

#define POSTERN_EXPORT __attribute__((visibility("default")))

namespace postern {
namespace {

// Exim's processes are single-threaded; another one starts with its own copy,
// which EximClient tells by the process id.
EximClient& Client() {
  static EximClient client(POSTERN_EXIM_SOCKET);
  return client;
}

// Exim keeps the pointer of a failure's text, so the copy is never freed: its
// delivery processes live for one message.
void Yield(unsigned char** yield, std::string_view text) {
  char* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy == nullptr) {
    static char lean[] = "4.3.0 internal-error: out of memory";
    *yield = reinterpret_cast<unsigned char*>(lean);
    return;
  }
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  *yield = reinterpret_cast<unsigned char*>(copy);
}

std::string_view Argument(int argc, unsigned char** argv, int at) {
  if (at >= argc || argv[at] == nullptr) return {};
  return reinterpret_cast<const char*>(argv[at]);
}

Error WrongCount(const char* function, int wanted, int given) {
  return {Reason::kRequestInvalid,
          std::string(function) + " takes " + std::to_string(wanted) +
              " arguments, not " + std::to_string(given) +
              "; 'pin-admin config exim' prints them"};
}

constexpr std::string_view kBroken =
    "4.3.0 internal-error: postern-exim failed; nothing is sent";

struct KeptErrno {
  int value = errno;
  ~KeptErrno() { errno = value; }
};

// The gate's arguments: place, address_data, version, cipher, SNI, leaf.
constexpr int kGateArguments = 6;

EximAnswer AskGate(EximClient::Stage stage, int argc, unsigned char** argv) {
  if (argc != kGateArguments) {
    return EximAnswer::Denied(WrongCount("the gate", kGateArguments, argc));
  }
  const Result<EximPlace> place = EximPlace::Parse(Argument(argc, argv, 0));
  if (!place) return EximAnswer::Denied(place.error());
  return Client().Gate(stage, *place, Argument(argc, argv, 1),
                       {Argument(argc, argv, 2), Argument(argc, argv, 3),
                        Argument(argc, argv, 4), Argument(argc, argv, 5)});
}

// Domain, next hop or "", message id or "".
constexpr int kPlanArguments = 3;

int Plan(unsigned char** yield, int argc, unsigned char** argv) {
  const EximAnswer answer =
      argc == kPlanArguments
          ? Client().Plan(Argument(argc, argv, 0), Argument(argc, argv, 1),
                          Argument(argc, argv, 2))
          : EximAnswer::Denied(WrongCount("plan", kPlanArguments, argc));
  Yield(yield, answer.text);
  return answer.yes ? kEximOk : kEximFail;
}

// Name, data, place, address_data, certificate, errno.
constexpr int kEventArguments = 6;

int Event(unsigned char** yield, int argc, unsigned char** argv) {
  const Result<EximPlace> place = EximPlace::Parse(Argument(argc, argv, 2));
  if (argc != kEventArguments || !place) {
    const Error error =
        place ? WrongCount("event", kEventArguments, argc) : place.error();
    Yield(yield, EximAnswer::Denied(error).text);
    return kEximOk;
  }
  EximClient& client = Client();
  Yield(yield,
        client.OnEvent(Argument(argc, argv, 0), Argument(argc, argv, 1), *place,
                       Argument(argc, argv, 3), Argument(argc, argv, 4),
                       Argument(argc, argv, 5)));
  if (!client.remark().empty()) {
    log_write(0, kEximLogMain, "postern: H=%s [%s]: %s", place->host.c_str(),
              place->address.c_str(), client.remark().c_str());
  }
  return kEximOk;
}

int GateList(unsigned char** yield, int argc, unsigned char** argv) {
  const EximAnswer answer = AskGate(EximClient::Stage::kHost, argc, argv);
  Yield(yield, answer.yes ? "" : "*");
  if (!answer.yes) {
    log_write(0, kEximLogMain, "postern: refused: %s", answer.text.c_str());
  }
  return kEximOk;
}

int Gate(unsigned char** yield, int argc, unsigned char** argv) {
  const EximAnswer answer = AskGate(EximClient::Stage::kMail, argc, argv);
  Yield(yield, answer.yes ? "" : answer.text);
  return answer.yes ? kEximOk : kEximFail;
}

using Function = int (*)(unsigned char**, int, unsigned char**);

// The one outer catch; `denied` and `status` are the function's own way to
// say no.
int Guarded(Function function, unsigned char** yield, int argc,
            unsigned char** argv, std::string_view denied,
            int status) noexcept {
  const KeptErrno kept;
  try {
    return function(yield, argc, argv);
  } catch (...) {
    Yield(yield, denied);
    return status;
  }
}

}  // namespace
}  // namespace postern

extern "C" {

POSTERN_EXPORT int plan(unsigned char** yield, int argc, unsigned char** argv) {
  return postern::Guarded(postern::Plan, yield, argc, argv, postern::kBroken,
                          postern::kEximFail);
}

POSTERN_EXPORT int event(unsigned char** yield, int argc,
                         unsigned char** argv) {
  return postern::Guarded(postern::Event, yield, argc, argv, postern::kBroken,
                          postern::kEximOk);
}

POSTERN_EXPORT int gate_list(unsigned char** yield, int argc,
                             unsigned char** argv) {
  return postern::Guarded(postern::GateList, yield, argc, argv, "*",
                          postern::kEximOk);
}

POSTERN_EXPORT int gate(unsigned char** yield, int argc, unsigned char** argv) {
  return postern::Guarded(postern::Gate, yield, argc, argv, postern::kBroken,
                          postern::kEximFail);
}
}
