// Any octets as each of the tables that can be imported: every line is taken or
// complained of in printable words, and what is taken can be written down, does
// not read differently then, and has pins where its level needs them.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "pin-admin/tables/cisco_table.h"
#include "pin-admin/tables/pin_list.h"
#include "pin-admin/tables/postfix_table.h"

namespace {

using namespace postern;

void Require(bool promise) {
  if (!promise) std::abort();
}

void RequirePrintable(const std::string& text) {
  for (const char c : text) Require(c >= 0x20 && c <= 0x7e);
}

void CheckComplaints(const std::vector<TableComplaint>& complaints) {
  for (const TableComplaint& complaint : complaints) {
    Require(complaint.number > 0);
    Require(!complaint.text.empty());
    RequirePrintable(complaint.subject);
    RequirePrintable(complaint.text);
  }
}

void CheckPin(const Pin& pin, bool allow_weak) {
  Require(pin.digest.size() == DigestLength(pin.algorithm));
  Require(allow_weak || !IsWeak(pin.algorithm));
  const Result<PolicyKey> key = PolicyKey::Parse(pin.key);
  Require(key.ok() && key->str() == pin.key && pin.key != "*");
}

void CheckTable(const ImportedTable& table, bool allow_weak) {
  CheckComplaints(table.complaints);
  for (const ImportedEntry& entry : table.entries) {
    Require(entry.number > 0);
    const Result<PolicyLine> again = ParsePolicyLine(Format(entry.line));
    Require(again.ok() && *again == entry.line);
    Require(!entry.line.until);
    for (const Pin& pin : entry.pins) {
      CheckPin(pin, allow_weak);
      Require(pin.key == entry.line.key.str());
    }
    const bool pinned = entry.line.level == Level::kFingerprint;
    Require(pinned == !entry.pins.empty());
  }
}

}  // namespace

// The first octet chooses the options; settings stand before the first form
// feed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  if (size == 0) return 0;
  const std::uint8_t choice = data[0];
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool allow_weak = (choice & 1) != 0;

  PostfixTableOptions options;
  options.allow_weak = allow_weak;
  if ((choice & 2) != 0) options.digest = DigestAlgorithm::kSha256;
  if (const std::size_t feed = text.find('\f');
      feed != std::string_view::npos) {
    options.settings = PostfixSettings::Parse(text.substr(0, feed));
    text.remove_prefix(feed + 1);
  }
  CheckTable(ReadPostfixTable(text, options), allow_weak);
  CheckTable(ReadCiscoTable(text), allow_weak);

  PinListOptions pins;
  pins.allow_weak = allow_weak;
  if ((choice & 4) != 0) pins.kind = PinKind::kAny;
  const PinList list = ReadPinList(text, pins);
  CheckComplaints(list.complaints);
  for (const PinListEntry& entry : list.entries) {
    Require(entry.number > 0);
    Require(!entry.file.empty() || !entry.pin.digest.empty());
    if (entry.file.empty()) CheckPin(entry.pin, allow_weak);
  }
  return 0;
}
