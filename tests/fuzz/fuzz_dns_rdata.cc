// tests/fuzz/fuzz_dns_rdata.cc
//
// Answers as a hostile server would make them, read as every record type. The
// first octet says how validation went; the message follows. Whatever is read,
// only kFound has records, and names are names.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/dns/dns_answer.h"

namespace postern {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

template <typename Record>
void CheckAnswer(const DnsReply& reply, const DnsAnswer<Record>& answer) {
  Require(answer.found() == !answer.records.empty());
  Require(answer.failed() == !answer.why.empty());
  Require(answer.security == reply.security);
  Require(reply.security != Security::kBogus || answer.failed());
  Require(!answer.failed() || !answer.canonical);
  for (const char c : answer.why) Require(c >= ' ' && c <= '~');
}

void CheckMx(const DnsReply& reply) {
  const auto mx = ReadMx(reply);
  CheckAnswer(reply, mx);
  for (const MxRecord& record : mx.records) {
    Require(!record.host || record.unusable.empty());
    for (const char c : record.unusable) Require(c > ' ' && c <= '~');
    if (record.host) Require(Domain::Parse(record.host->str()).ok());
  }
}

}  // namespace
}  // namespace postern

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace postern;
  if (size == 0) return 0;
  DnsReply reply;
  reply.security = static_cast<Security>(data[0] % 3);
  reply.message.assign(reinterpret_cast<const char*>(data) + 1, size - 1);
  CheckMx(reply);
  CheckAnswer(reply, ReadA(reply));
  CheckAnswer(reply, ReadAaaa(reply));
  CheckAnswer(reply, ReadPtr(reply));
  CheckAnswer(reply, ReadCname(reply));
  CheckAnswer(reply, ReadTxt(reply));
  CheckAnswer(reply, ReadTlsa(reply));
  return 0;
}
