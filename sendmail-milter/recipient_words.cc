#include "sendmail-milter/recipient_words.h"

#include <charconv>
#include <cstdint>
#include <utility>

namespace postern {
namespace {

// Octets of a state: four numbers.
constexpr std::size_t kMaxState = 96;

std::optional<std::chrono::milliseconds> ParseHold(const std::string& text) {
  std::uint32_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), end, count);
  if (failed != std::errc() || stop != end) return std::nullopt;
  return std::chrono::milliseconds(count);
}

}  // namespace

Result<SocketMapQuery> ToQuery(const Request& request) {
  Result<std::string> line = FormatRequest(request, kMaxSocketMapQuery);
  if (!line) return line.error();
  line->pop_back();  // a netstring has an end of its own
  const std::size_t verb = request.verb.size();
  return SocketMapQuery{request.verb,
                        verb < line->size() ? line->substr(verb + 1) : ""};
}

Result<Request> FromQuery(const SocketMapQuery& query) {
  return ParseRequest(query.map + ' ' + query.key, kMaxSocketMapQuery);
}

SocketMapReply ToMapReply(const Reply& reply) {
  return SocketMapReply::Ok(reply.rest.empty() ? reply.word
                                               : reply.word + ' ' + reply.rest);
}

Result<Reply> FromMapReply(const SocketMapReply& reply) {
  if (reply.status == SocketMapReply::Status::kOk) {
    return ParseReply(reply.text);
  }
  return Reply{"error", reply.text};
}

Reply PassUnder(const PassTerms& terms) {
  return {"pass", "hold=" + std::to_string(terms.hold.count()) +
                      " state=" + PercentEncode(terms.policy.state) +
                      " file=" + PercentEncode(terms.policy.path)};
}

std::optional<PassTerms> TermsOf(const Reply& reply) {
  if (reply.word != "pass" || reply.rest.empty()) return std::nullopt;
  const Result<Request> read = ParseRequest("pass " + reply.rest);
  if (!read || read->fields.size() != 3) return std::nullopt;
  const std::string* hold = read->Find("hold");
  const std::string* state = read->Find("state");
  const std::string* file = read->Find("file");
  if (hold == nullptr || state == nullptr || file == nullptr) {
    return std::nullopt;
  }
  const auto time = ParseHold(*hold);
  if (!time || state->empty() || state->size() > kMaxState || file->empty()) {
    return std::nullopt;
  }
  return PassTerms{{*file, *state}, *time};
}

bool IsPass(const Reply& reply) {
  return reply.word == "pass" && (reply.rest.empty() || TermsOf(reply));
}

}  // namespace postern
