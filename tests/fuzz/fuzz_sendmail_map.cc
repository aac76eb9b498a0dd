// tests/fuzz/fuzz_sendmail_map.cc
//
// A key of Sendmail's map, which holds what peers and senders chose: whatever
// is read as a question has only parts that were parsed, and is whole.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sendmail-milter/map_question.h"

namespace {

void Hold(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using postern::MapQuestion;
  const std::string_view key(reinterpret_cast<const char*>(data), size);
  const auto question = postern::ParseMapQuestion(key);
  if (!question) {
    Hold(question.error().reason() == postern::Reason::kRequestInvalid);
    return 0;
  }
  Hold(key.ends_with('>') && key.size() < postern::kMaxMapKey);
  Hold(question->destination ||
       question->asks == MapQuestion::Asks::kConnection);
  Hold(!question->encrypted || !question->protocol.empty());
  Hold(question->leaf_sha256.empty() || question->leaf_sha256.size() == 32);
  for (const std::string* word :
       {&question->protocol, &question->cipher, &question->queue_id}) {
    Hold(word->find_first_of("<> \"\\") == word->npos);
  }
  return 0;
}
