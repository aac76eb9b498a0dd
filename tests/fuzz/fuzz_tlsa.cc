// tests/fuzz/fuzz_tlsa.cc
//
// TLSA records and a handshake, with verdict. The first octet says how many of
// the parts that follow (each after its length in two octets) are RDATA; the
// rest is what a server sends. What the records come to doesn't depend on their
// order, the text form comes back, and a "yes" is one: a record names the leaf
// or there is an authority among them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "plugins/dane/dane_verifier.h"
#include "plugins/dane/tlsa.h"

namespace postern {
namespace {

void Require(bool good) {
  if (!good) std::abort();
}

std::vector<std::string> ReadParts(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> out;
  while (size >= 2) {
    const std::size_t length = static_cast<std::size_t>(data[0]) << 8 | data[1];
    if (length > size - 2) break;
    out.emplace_back(data + 2, data + 2 + length);
    data += 2 + length;
    size -= 2 + length;
  }
  return out;
}

std::optional<TlsaRecord> ReadRecord(const std::string& rdata) {
  if (rdata.size() < 3) return std::nullopt;
  return TlsaRecord{static_cast<std::uint8_t>(rdata[0]),
                    static_cast<std::uint8_t>(rdata[1]),
                    static_cast<std::uint8_t>(rdata[2]), rdata.substr(3)};
}

void CheckText(const TlsaRecord& record) {
  const auto again = ParseTlsa(Presentation(record));
  Require(again.ok() == !record.data.empty());
  if (again) Require(Presentation(*again) == Presentation(record));
  for (const char c : ShortPresentation(record)) Require(c >= ' ' && c <= '~');
}

bool NamesLeaf(const TlsaRecord& record, const Certificate& leaf) {
  const std::string whole(leaf.der().begin(), leaf.der().end());
  const std::string& octets = record.selector == kSpki ? leaf.spki() : whole;
  const auto algorithm = DigestOfMatching(record.matching);
  return record.usage == kDaneEe &&
         record.data ==
             (algorithm ? Digest(*algorithm, octets).value() : octets);
}

void Run(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto typed = ParseTlsa(text)) CheckText(*typed);
  if (size == 0) return;
  const std::vector<std::string> parts = ReadParts(data + 1, size - 1);
  const std::size_t count = std::min<std::size_t>(data[0], parts.size());
  std::vector<TlsaRecord> records;
  for (std::size_t i = 0; i < count; ++i) {
    const auto record = ReadRecord(parts[i]);
    if (!record) continue;
    CheckText(*record);
    records.push_back(*record);
  }
  const TlsaDigests digests{DigestAlgorithm::kSha512, DigestAlgorithm::kSha256};
  TlsaChoice choice = ChooseTlsa(records, digests);
  std::reverse(records.begin(), records.end());
  const TlsaChoice reversed = ChooseTlsa(records, digests);
  Require(choice.unusable == reversed.unusable);
  Require(choice.records.size() == reversed.records.size());
  Require(choice.records.empty() == (choice.unusable.size() == records.size()));
  if (choice.records.empty()) return;

  std::vector<DerCertificate> chain;
  for (std::size_t i = count; i < parts.size(); ++i) {
    chain.emplace_back(parts[i].begin(), parts[i].end());
  }
  DaneRequirement requirement;
  requirement.owner = "_25._tcp.mx.example.org";
  requirement.records = choice.records;
  requirement.names = {ReferenceIdentity::Parse("mx.example.org").value()};
  const DaneVerifier verifier(requirement);
  const TlsEvidence evidence(chain);
  const TimePoint at{std::chrono::hours(500'000)};
  const Finding finding = verifier.Check(evidence, at);
  for (const char c : finding.detail()) Require(c >= ' ' && c <= '~');
  for (const char c : verifier.Describe()) Require(c >= ' ' && c <= '~');
  requirement.records = reversed.records;
  Require(DaneVerifier(requirement).Check(TlsEvidence(chain), at).state() ==
          finding.state());
  if (!finding.satisfied()) return;
  const auto& leaf = evidence.certificates().Leaf();
  Require(leaf.ok());
  Require(std::any_of(choice.records.begin(), choice.records.end(),
                      [&leaf](const TlsaRecord& record) {
                        return record.usage == kDaneTa ||
                               NamesLeaf(record, *leaf);
                      }));
}

}  // namespace
}  // namespace postern

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  postern::Run(data, size);
  return 0;
}
