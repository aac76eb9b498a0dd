// sendmail-milter/recipient_words.h
//
// The words in which postern-milter asks about a recipient and posternd answers
// at the door `sendmail` (docs/protocol.md): requests and replies of the line
// protocol, carried by a socket map. Both ends' halves are here.
//
// Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "core/outcome/result.h"
#include "core/service/line_protocol.h"
#include "core/service/socket_map.h"
#include "sendmail-milter/published_file.h"

namespace postern {

// The verb is the map's name. Error: kRequestInvalid.
Result<SocketMapQuery> ToQuery(const Request& request);
Result<Request> FromQuery(const SocketMapQuery& query);
SocketMapReply ToMapReply(const Reply& reply);
// Whatever a socket map says but OK is an "error".
Result<Reply> FromMapReply(const SocketMapReply& reply);

// Under which terms a "pass" that rests on nothing but the policy may be given
// again without a question: as long as the file is still this one, `hold` is
// not over, and the service that said so has not ended.
struct PassTerms {
  PublishedFile policy;
  std::chrono::milliseconds hold{0};
  bool operator==(const PassTerms&) const = default;
};
Reply PassUnder(const PassTerms& terms);
// "pass", alone or with terms; anything that is not exactly that is none.
bool IsPass(const Reply& reply);
// Nothing where a reply is no "pass" or has none.
std::optional<PassTerms> TermsOf(const Reply& reply);

}  // namespace postern
