// pin-admin/tables/pin_list.h
//
// A list of pins for `pin import`: a key, then a digest or the file of a
// certificate, then if wanted a label and a role. As CSV (comma, semicolon or
// tab) or parted by blanks; '#' begins a comment line.
//
//   domain,pin,label,role
//   bank.example,3F:9A:…,"mx 2026"
//   bank.example,certs/next.pem,,backup
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/policy/pin.h"
#include "pin-admin/tables/imported_table.h"

namespace postern {

struct PinListEntry {
  int number = 0;
  std::string subject;  // the key as it is written
  Pin pin;              // without a digest where `file` has the certificate
  std::string file;
};

struct PinList {
  std::vector<PinListEntry> entries;
  std::vector<TableComplaint> complaints;  // all of them refusals
};

struct PinListOptions {
  PinKind kind = PinKind::kSpki;
  PinRole role = PinRole::kActive;  // where the line names none
  bool allow_weak = false;
};

PinList ReadPinList(std::string_view text, const PinListOptions& options);

}  // namespace postern
