#include "core/sasl/sasl_client.h"

#include <gsasl.h>
#include <strings.h>

#include <array>
#include <charconv>
#include <cstring>
#include <utility>

namespace postern {
namespace {

constexpr std::string_view kScram = "SCRAM-SHA-256";
constexpr std::string_view kLogin = "LOGIN";
// SCRAM first: the relay learns nothing that would let it, or whoever reads its
// memory, log in elsewhere. All of them go over TLS to a peer that was passed.
constexpr std::array<std::string_view, 3> kMechanisms{kScram, "PLAIN", kLogin};

Error BadLogin(std::string what) {
  return Error{Reason::kAuthInvalid, std::move(what)};
}

struct SessionEnd {
  void operator()(Gsasl_session* session) const {
    // The library gives its copies back as they are.
    for (const auto property : {GSASL_PASSWORD, GSASL_AUTHID}) {
      if (const char* copy = gsasl_property_fast(session, property)) {
        Wipe(const_cast<char*>(copy), std::strlen(copy));
      }
    }
    gsasl_finish(session);
  }
};
using Session = std::unique_ptr<Gsasl_session, SessionEnd>;

// Octets that the library gave us.
class Given {
 public:
  Given() = default;
  Given(const Given&) = delete;
  Given& operator=(const Given&) = delete;
  ~Given() {
    if (octets == nullptr) return;
    Wipe(octets, size);
    gsasl_free(octets);
  }
  std::string_view text() const {
    return octets == nullptr ? std::string_view()
                             : std::string_view(octets, size);
  }
  char* octets = nullptr;
  std::size_t size = 0;
};

Result<Secret> ToBase64(const Given& octets) {
  Given text;
  if (gsasl_base64_to(octets.octets, octets.size, &text.octets, &text.size) !=
      GSASL_OK) {
    return Error{Reason::kInternal, "no memory for base64"};
  }
  return Secret(text.text());
}

// "name=value" at the start of `rest`, up to a comma; nothing if it is another.
std::optional<std::string_view> TakeAttribute(std::string_view& rest,
                                              char name) {
  if (rest.size() < 2 || rest[0] != name || rest[1] != '=') return {};
  const std::size_t end = std::min(rest.find(','), rest.size());
  const std::string_view value = rest.substr(2, end - 2);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return value;
}

// RFC 5802 section 7, server-first-message. The library would hash as often as
// it is told to.
Status CheckIterations(std::string_view challenge) {
  std::string_view rest = challenge;
  if (!TakeAttribute(rest, 'r') || !TakeAttribute(rest, 's')) {
    return BadLogin("the first challenge is none of SCRAM's");
  }
  const auto count = TakeAttribute(rest, 'i');
  unsigned long iterations = 0;
  if (!count) return BadLogin("the first challenge has no iteration count");
  const char* const end = count->data() + count->size();
  const auto [stop, error] = std::from_chars(count->data(), end, iterations);
  if (error != std::errc() || stop != end || iterations == 0 ||
      iterations > SaslExchange::kMaxIterations) {
    return BadLogin("the iteration count is not from 1 to " +
                    std::to_string(SaslExchange::kMaxIterations));
  }
  return {};
}

class GsaslExchange final : public SaslExchange {
 public:
  GsaslExchange(Session session, std::string_view mechanism)
      : session_(std::move(session)),
        scram_(mechanism == kScram),
        server_first_(mechanism == kLogin) {}

  Result<std::optional<Secret>> Initial() override {
    if (server_first_) return std::optional<Secret>();
    Result<Secret> first = Step("");
    if (!first) return first.error();
    return std::optional<Secret>(std::move(*first));
  }

  Result<Secret> Answer(std::string_view challenge) override {
    if (++challenges_ > kMaxChallenges) {
      return BadLogin("the server asks on and on");
    }
    Given octets;
    if (gsasl_base64_from(challenge.data(), challenge.size(), &octets.octets,
                          &octets.size) != GSASL_OK) {
      return BadLogin("a challenge is not base64");
    }
    if (scram_) {
      // RFC 5802 section 7: the server's word on a proof that is wrong.
      if (octets.text().starts_with("e=")) {
        return Error{Reason::kAuthRefused,
                     "the server says that the proof is wrong"};
      }
      if (challenges_ == 1) {
        const Status fits = CheckIterations(octets.text());
        if (!fits) return fits.error();
      }
    }
    return Step(octets.text());
  }

  Status Finish() override {
    if (done_) return {};
    return BadLogin("the server welcomed us before the login was over");
  }

 private:
  Result<Secret> Step(std::string_view challenge) {
    if (done_) return BadLogin("the server asks on after the end");
    Given answer;
    const int status =
        gsasl_step(session_.get(), challenge.data(), challenge.size(),
                   &answer.octets, &answer.size);
    if (status != GSASL_OK && status != GSASL_NEEDS_MORE) {
      return BadLogin(gsasl_strerror(status));
    }
    done_ = status == GSASL_OK;
    return ToBase64(answer);
  }

  const Session session_;
  const bool scram_, server_first_;
  int challenges_ = 0;
  bool done_ = false;
};

}  // namespace

struct SaslClient::Library {
  Library() = default;
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() {
    if (context != nullptr) gsasl_done(context);
  }
  Gsasl* context = nullptr;
};

SaslClient::SaslClient() : library_(std::make_unique<Library>()) {
  if (gsasl_init(&library_->context) != GSASL_OK) library_.reset();
}

SaslClient::~SaslClient() = default;

std::span<const std::string_view> SaslClient::Mechanisms() {
  return kMechanisms;
}

std::string_view SaslClient::Choose(std::span<const std::string> offered) {
  for (const std::string_view ours : kMechanisms) {
    for (const std::string& theirs : offered) {
      if (theirs.size() == ours.size() &&
          strncasecmp(theirs.data(), ours.data(), ours.size()) == 0) {
        return ours;
      }
    }
  }
  return {};
}

Result<std::unique_ptr<SaslExchange>> SaslClient::Begin(
    std::string_view mechanism, const Credentials& who) const {
  Gsasl_session* made = nullptr;
  if (!library_ ||
      gsasl_client_start(library_->context, std::string(mechanism).c_str(),
                         &made) != GSASL_OK) {
    return Error{Reason::kInternal,
                 "libgsasl does not have " + std::string(mechanism)};
  }
  Session session(made);
  // The library wants an end at the end of the secret.
  const Secret secret{who.secret().text(), std::string_view("\0", 1)};
  if (gsasl_property_set(session.get(), GSASL_AUTHID, who.user().c_str()) !=
          GSASL_OK ||
      gsasl_property_set(session.get(), GSASL_PASSWORD, secret.text().data()) !=
          GSASL_OK) {
    return Error{Reason::kInternal, "no memory for the login"};
  }
  return std::unique_ptr<SaslExchange>(
      std::make_unique<GsaslExchange>(std::move(session), mechanism));
}

}  // namespace postern
