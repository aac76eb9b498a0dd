// core/store/stored_row.h
//
// How lines, pins and anchors are written down: lines in their canonical form,
// the rest as JSON. The author store, its history and the snapshot hold the
// same texts, so that publishing copies and interprets nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/outcome/result.h"
#include "core/policy/pin.h"
#include "core/policy/served_policy.h"

namespace postern {

// A PolicyRow in its stored texts; an empty text means none.
struct StoredRow {
  std::string key;
  std::string line, exception;
  std::vector<std::string> pins, anchors;
};

// Error: a text that does not parse, or is another key's.
Result<PolicyRow> ParseStoredRow(const StoredRow& row);

// The body of the row in the snapshot, and back. The key is not in it.
Result<std::string> WriteBody(const StoredRow& row);
Result<StoredRow> ReadBody(std::string key, std::string_view body);

Result<std::string> WritePin(const Pin& pin);
Result<Pin> ReadPin(std::string_view text);
Result<std::string> WriteAnchor(const Anchor& anchor);
Result<Anchor> ReadAnchor(std::string_view text);

// What the history calls a pin: "example.org spki sha256 3f…". Begins with the
// key and a space, and sorts as the keys do.
std::string PinSubject(std::string_view key, PinKind kind,
                       DigestAlgorithm algorithm, std::string_view digest);

// The anchor that the line's ca= names; empty where it names none.
std::string_view AnchorName(const PolicyLine& line);

}  // namespace postern
