// tests/fuzz/fuzz_line_protocol.cc
//
// Whatever a socket brings: a request that parses is written and read back as
// the same request; a reply is one line that reads back; text made one line is
// one line.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/service/line_protocol.h"

using namespace postern;  // NOLINT

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

std::string_view WithoutEnd(const std::string& line) {
  Require(!line.empty() && line.back() == '\n');
  return std::string_view(line).substr(0, line.size() - 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  if (const Result<Request> request = ParseRequest(text)) {
    // Raw UTF-8 grows when it is encoded, and may then be too long.
    if (const Result<std::string> line = FormatRequest(*request)) {
      const Result<Request> again = ParseRequest(WithoutEnd(*line));
      Require(again.ok() && *again == *request);
    }
  }
  if (const Result<Reply> reply = ParseReply(text)) {
    const std::string line = FormatReply(*reply);
    Require(line.size() <= kMaxReplyLine);
    const Result<Reply> again = ParseReply(WithoutEnd(line));
    Require(again.ok() && again->word == reply->word);
  }
  Require(FormatReply({"ok", std::string(text)}).find('\n') ==
          FormatReply({"ok", std::string(text)}).size() - 1);
  if (const auto status = ParseStatusText(text, "245")) {
    Require(text.starts_with(status->status));
  }
  static_cast<void>(CheckGreeting(text));
  const std::string line = OneLine(text, 100);
  Require(line.size() <= 100 && OneLine(line, 100) == line);
  return 0;
}
