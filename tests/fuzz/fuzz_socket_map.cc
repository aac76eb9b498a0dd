// tests/fuzz/fuzz_socket_map.cc
//
// Whatever a socket map's client or server sends, whole or in pieces: the same
// netstrings are found, a question that parses reads back as itself, and an
// answer is one netstring within its bound.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/service/socket_map.h"

using namespace postern;  // NOLINT

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

struct Found {
  std::vector<std::string> contents;
  bool broken = false;
  bool operator==(const Found&) const = default;
};

Found Feed(std::string_view octets, std::size_t piece) {
  NetstringBuffer buffer(kMaxSocketMapQuery);
  Found found;
  while (!octets.empty() && !found.broken) {
    buffer.Append(octets.substr(0, piece));
    octets.remove_prefix(std::min(piece, octets.size()));
    for (;;) {
      const auto content = buffer.Take();
      found.broken = !content.ok();
      if (found.broken || !*content) break;
      Require((*content)->size() <= kMaxSocketMapQuery);
      found.contents.push_back(**content);
    }
  }
  return found;
}

std::string ContentOf(const std::string& netstring) {
  NetstringBuffer buffer(kMaxSocketMapReply);
  buffer.Append(netstring);
  const auto content = buffer.Take();
  Require(content.ok() && content->has_value() && buffer.empty());
  return **content;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  const Found whole = Feed(text, size);
  Require(whole == Feed(text, 1));
  for (const std::string& content : whole.contents) {
    if (const auto query = ParseSocketMapQuery(content)) {
      Require(ContentOf(FormatSocketMapQuery(*query)) == content);
    }
  }
  if (const auto reply = ParseSocketMapReply(text)) {
    const auto again =
        ParseSocketMapReply(ContentOf(FormatSocketMapReply(*reply)));
    Require(again.ok() && (again->status == reply->status ||
                           again->status == SocketMapReply::Status::kTemp));
  }
  const std::string content =
      ContentOf(FormatSocketMapReply(SocketMapReply::Ok(std::string(text))));
  Require(content.find('\n') == std::string::npos);
  return 0;
}
