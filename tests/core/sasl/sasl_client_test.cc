// Logins: octets in, octets out. The other side is libgsasl's own server where
// it is honest, and a few fixed words where it is not.
#include "core/sasl/sasl_client.h"

#include <gmock/gmock.h>
#include <gsasl.h>
#include <gtest/gtest.h>

namespace postern {
namespace {

using testing::HasSubstr;

std::string ToBase64(const std::string& octets) {
  char* text = nullptr;
  std::size_t size = 0;
  EXPECT_EQ(gsasl_base64_to(octets.data(), octets.size(), &text, &size),
            GSASL_OK);
  std::string out(text, size);
  gsasl_free(text);
  return out;
}

std::string FromBase64(std::string_view text) {
  char* octets = nullptr;
  std::size_t size = 0;
  EXPECT_EQ(gsasl_base64_from(text.data(), text.size(), &octets, &size),
            GSASL_OK);
  std::string out(octets, size);
  gsasl_free(octets);
  return out;
}

// A SCRAM server that knows one password.
class ScramServer {
 public:
  explicit ScramServer(std::string password) : password_(std::move(password)) {
    EXPECT_EQ(gsasl_init(&context_), GSASL_OK);
    gsasl_callback_set(
        context_,
        [](Gsasl*, Gsasl_session* session, Gsasl_property property) -> int {
          const auto* self =
              static_cast<ScramServer*>(gsasl_session_hook_get(session));
          if (property != GSASL_PASSWORD) return GSASL_NO_CALLBACK;
          return gsasl_property_set(session, property, self->password_.c_str());
        });
    EXPECT_EQ(gsasl_server_start(context_, "SCRAM-SHA-256", &session_),
              GSASL_OK);
    gsasl_session_hook_set(session_, this);
  }
  ScramServer(const ScramServer&) = delete;
  ~ScramServer() {
    gsasl_finish(session_);
    gsasl_done(context_);
  }

  // The next challenge; nothing: it is over, and it has said no.
  std::optional<std::string> Step(std::string_view response) {
    char* out = nullptr;
    const int status =
        gsasl_step64(session_, std::string(response).c_str(), &out);
    std::string challenge = out == nullptr ? "" : out;
    gsasl_free(out);
    if (status != GSASL_OK && status != GSASL_NEEDS_MORE) return std::nullopt;
    welcome_ = status == GSASL_OK;
    return challenge;
  }
  bool welcome() const { return welcome_; }

 private:
  const std::string password_;
  Gsasl* context_ = nullptr;
  Gsasl_session* session_ = nullptr;
  bool welcome_ = false;
};

class SaslClientTest : public testing::Test {
 protected:
  std::unique_ptr<SaslExchange> Begin(std::string_view mechanism) {
    auto made = client_.Begin(mechanism, who_);
    EXPECT_TRUE(made.ok());
    return *std::move(made);
  }
  // The client's first words at SCRAM, decoded.
  static std::string First(SaslExchange& exchange) {
    const auto first = exchange.Initial();
    EXPECT_TRUE(first.ok() && *first);
    return FromBase64((*first)->text());
  }
  static std::string Nonce(const std::string& first) {
    return first.substr(first.find("r=") + 2);
  }
  static Reason ReasonOf(const Result<Secret>& answer) {
    return answer.ok() ? Reason::kOk : answer.error().reason();
  }

  const SaslClient client_;
  const Credentials who_{"alice", Secret("s3cret")};
};

TEST_F(SaslClientTest, ChoosesTheBestThatIsOffered) {
  const auto choose = [](std::vector<std::string> offered) {
    return std::string(SaslClient::Choose(offered));
  };
  EXPECT_EQ(choose({"LOGIN", "PLAIN", "SCRAM-SHA-256"}), "SCRAM-SHA-256");
  EXPECT_EQ(choose({"login", "plain"}), "PLAIN");
  EXPECT_EQ(choose({"CRAM-MD5", "LOGIN"}), "LOGIN");
  EXPECT_EQ(choose({"CRAM-MD5", "EXTERNAL", "SCRAM-SHA-256-PLUS", "PLAINX"}),
            "");
  EXPECT_EQ(choose({}), "");
}

TEST_F(SaslClientTest, PlainSaysItAllAtOnce) {
  const auto exchange = Begin("PLAIN");
  const auto first = exchange->Initial();
  ASSERT_TRUE(first.ok() && *first);
  EXPECT_EQ(FromBase64((*first)->text()), std::string("\0alice\0s3cret", 13));
  EXPECT_TRUE(exchange->Finish().ok());
  EXPECT_EQ(ReasonOf(exchange->Answer("")), Reason::kAuthInvalid);
}

TEST_F(SaslClientTest, LoginAnswersTwoQuestionsAndNoThird) {
  const auto exchange = Begin("LOGIN");
  const auto first = exchange->Initial();
  ASSERT_TRUE(first.ok());
  EXPECT_FALSE(*first);
  EXPECT_FALSE(exchange->Finish().ok());
  const auto user = exchange->Answer(ToBase64("Username:"));
  ASSERT_TRUE(user.ok());
  EXPECT_EQ(FromBase64(user->text()), "alice");
  EXPECT_FALSE(exchange->Finish().ok());
  const auto secret = exchange->Answer(ToBase64("Password:"));
  ASSERT_TRUE(secret.ok());
  EXPECT_EQ(FromBase64(secret->text()), "s3cret");
  EXPECT_TRUE(exchange->Finish().ok());
  EXPECT_EQ(ReasonOf(exchange->Answer(ToBase64("More:"))),
            Reason::kAuthInvalid);
}

TEST_F(SaslClientTest, ScramProvesBothSidesAndSaysNoSecret) {
  const auto exchange = Begin("SCRAM-SHA-256");
  ScramServer server("s3cret");
  const auto first = exchange->Initial();
  ASSERT_TRUE(first.ok() && *first);
  const auto challenge = server.Step((*first)->text());
  ASSERT_TRUE(challenge);
  const auto proof = exchange->Answer(*challenge);
  ASSERT_TRUE(proof.ok()) << proof.error().detail();
  EXPECT_EQ(FromBase64(proof->text()).find("s3cret"), std::string::npos);
  const auto final_word = server.Step(proof->text());
  ASSERT_TRUE(final_word);
  EXPECT_FALSE(exchange->Finish().ok());  // not before its signature was seen
  const auto last = exchange->Answer(*final_word);
  ASSERT_TRUE(last.ok()) << last.error().detail();
  EXPECT_TRUE(last->empty());
  EXPECT_TRUE(exchange->Finish().ok());
  EXPECT_TRUE(server.welcome());
}

TEST_F(SaslClientTest, ScramRefusesAServerThatDoesNotKnowTheSecret) {
  const auto exchange = Begin("SCRAM-SHA-256");
  const std::string nonce = Nonce(First(*exchange));
  ASSERT_TRUE(exchange
                  ->Answer(ToBase64("r=" + nonce + "server,s=" +
                                    ToBase64("0123456789abcdef") + ",i=4096"))
                  .ok());
  EXPECT_EQ(ReasonOf(exchange->Answer(
                ToBase64("v=" + ToBase64("0123456789abcdef0123456789abcdef")))),
            Reason::kAuthInvalid);
  EXPECT_FALSE(exchange->Finish().ok());
}

TEST_F(SaslClientTest, ScramTellsARefusalFromNonsense) {
  const auto exchange = Begin("SCRAM-SHA-256");
  (void)First(*exchange);
  EXPECT_EQ(ReasonOf(exchange->Answer(ToBase64("e=invalid-proof"))),
            Reason::kAuthRefused);
}

TEST_F(SaslClientTest, ScramCantBeMadeToComputeForEver) {
  const std::string salt = ToBase64("0123456789abcdef");
  for (const std::string& count :
       {std::string("1000001"), std::string("4294967295"), std::string("0"),
        std::string("-1"), std::string("4096x"), std::string(),
        std::string(400, '9')}) {
    SCOPED_TRACE(count);
    const auto exchange = Begin("SCRAM-SHA-256");
    const std::string nonce = Nonce(First(*exchange));
    const auto answer = exchange->Answer(
        ToBase64("r=" + nonce + "x,s=" + salt + ",i=" + count));
    ASSERT_FALSE(answer.ok());
    EXPECT_THAT(answer.error().detail(), HasSubstr("iteration count"));
  }
  for (const std::string& words :
       {std::string("m=x,r=n,s=" + salt + ",i=1"), std::string("i=1"),
        std::string("r=a,i=1,s=" + salt + ",i=99999999"), std::string()}) {
    SCOPED_TRACE(words);
    const auto exchange = Begin("SCRAM-SHA-256");
    (void)First(*exchange);
    EXPECT_EQ(ReasonOf(exchange->Answer(ToBase64(words))),
              Reason::kAuthInvalid);
  }
}

TEST_F(SaslClientTest, ScramRefusesANonceThatIsNotOurs) {
  const auto exchange = Begin("SCRAM-SHA-256");
  (void)First(*exchange);
  EXPECT_EQ(ReasonOf(exchange->Answer(
                ToBase64("r=another,s=" + ToBase64("salt") + ",i=4096"))),
            Reason::kAuthInvalid);
}

TEST_F(SaslClientTest, WhatIsNoBase64IsNoChallenge) {
  for (const char* challenge : {"Username:", "====", "YQ", "Y Q=", "*"}) {
    SCOPED_TRACE(challenge);
    for (const std::string_view mechanism : {"LOGIN", "SCRAM-SHA-256"}) {
      const auto exchange = Begin(mechanism);
      ASSERT_TRUE(exchange->Initial().ok());
      EXPECT_EQ(ReasonOf(exchange->Answer(challenge)), Reason::kAuthInvalid);
    }
  }
}

TEST_F(SaslClientTest, AnEndlessServerIsLeft) {
  const auto exchange = Begin("LOGIN");
  ASSERT_TRUE(exchange->Initial().ok());
  int answered = 0;
  while (answered < 100 && exchange->Answer(ToBase64("more")).ok()) ++answered;
  EXPECT_LE(answered, SaslExchange::kMaxChallenges);
}

}  // namespace
}  // namespace postern
