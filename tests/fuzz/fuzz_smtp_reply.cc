// Whatever a server says becomes bounded, printable replies or an Error, the
// same however the network cuts it up.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/smtp/ehlo.h"
#include "core/smtp/smtp_reply.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

// Everything that can be told of what was read, for comparing.
std::string ReadAll(std::string_view octets, std::size_t piece) {
  postern::ReplyReader reader;
  std::string seen;
  while (!octets.empty()) {
    reader.Append(octets.substr(0, piece));
    octets.remove_prefix(std::min(piece, octets.size()));
    for (;;) {
      const auto reply = reader.Next();
      if (!reply.ok()) return seen + "malformed";
      if (!*reply) break;
      Require((*reply)->code >= 200 && (*reply)->code <= 599);
      Require((*reply)->lines.size() <= postern::ReplyReader::kMaxLines);
      const std::string text = (*reply)->Text();
      Require(text.size() <= 400);
      for (const std::string& line : (*reply)->lines) {
        Require(line.size() <= postern::ReplyReader::kMaxLine);
        for (const char c : line) Require(c >= 0x20 && c < 0x7f);
        seen += line + "\n";
      }
      seen += text + "\n";
      const postern::ServerCapabilities offered = postern::ParseEhlo(**reply);
      Require(!offered.size_limit || (offered.size && *offered.size_limit > 0));
    }
    // What is kept of an unfinished reply is bounded as well.
    Require(reader.pending() <= postern::ReplyReader::kMaxLine +
                                    postern::ReplyReader::kMaxLines + 1);
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const std::string octets(data, data + size);
  const std::string whole = ReadAll(octets, octets.size() + 1);
  const std::string pieces = ReadAll(octets, 7);
  Require(whole == pieces);
  Require(ReadAll(octets, 1) == pieces);
  return 0;
}
