// Whatever a client sends becomes the same transactions and messages however
// it is cut up, and answers that are whole lines, bounded and printable.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "postfix-transport/lmtp_protocol.h"

namespace {

using postern::LmtpProtocol;

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckReplies(std::string_view replies) {
  while (!replies.empty()) {
    const std::size_t end = replies.find("\r\n");
    Require(end != std::string_view::npos && end >= 4 && end < 1000);
    const std::string_view line = replies.substr(0, end);
    Require(line[0] >= '2' && line[0] <= '5');
    Require(line[3] == ' ' || line[3] == '-');
    for (const char c : line) Require(c >= 0x20 && c < 0x7f);
    // Nothing that is wrong with a message here bounces it: of the 5xx there
    // are only those for what is no LMTP, and none is told a recipient.
    if (line[0] == '5') {
      Require(line.starts_with("500 5.5.2") || line.starts_with("503 5.5.1"));
    }
    replies.remove_prefix(end + 2);
  }
}

// Everything that can be told of what was read, for comparing.
std::string Serve(std::string_view octets, std::size_t piece) {
  LmtpProtocol protocol("mta.test", 100000);
  std::string replies, seen;
  bool over = false;
  while (!over && !octets.empty()) {
    protocol.Append(octets.substr(0, piece));
    octets.remove_prefix(std::min(piece, octets.size()));
    for (bool more = true; more;) {
      const LmtpProtocol::Event event = protocol.Next();
      switch (event) {
        case LmtpProtocol::Event::kNeedsInput:
          more = false;
          break;
        case LmtpProtocol::Event::kData:
          seen += protocol.data();
          protocol.data().clear();
          break;
        case LmtpProtocol::Event::kMessage: {
          const postern::LmtpTransaction transaction = protocol.transaction();
          Require(!transaction.recipients.empty() &&
                  transaction.recipients.size() <=
                      LmtpProtocol::kMaxRecipients);
          seen += "\n[" + transaction.queue_id + " " + transaction.sender;
          for (const auto& recipient : transaction.recipients) {
            seen += " " + recipient.address + "/" + ToString(recipient.domain);
            protocol.Answer({250, "2.0.0", "taken"});
          }
          seen += "]\n";
          break;
        }
        case LmtpProtocol::Event::kOver:
          over = true;
          more = false;
          break;
      }
      replies += protocol.replies();
      protocol.replies().clear();
    }
  }
  CheckReplies(replies);
  return seen + replies;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const std::string octets(data, data + size);
  const std::string whole = Serve(octets, octets.size() + 1);
  Require(whole == Serve(octets, 7));
  Require(whole == Serve(octets, 1));
  return 0;
}
