// plugins/mta_sts/sts_record.h
//
// The TXT record at _mta-sts.DOMAIN: says that there is a policy, and which
// edition it is. Pure; read by the grammar and by nothing beside it, because a
// record that is not one means "no policy here".
//
// Source: RFC 8461 section 3.1.
#pragma once

#include <span>
#include <string>

namespace postern {

struct StsRecord {
  enum class State {
    kAbsent,   // no record begins with "v=STSv1;"
    kValid,    // exactly one does, and it is well formed
    kInvalid,  // several do, or the one is malformed
  };
  State state = State::kAbsent;
  std::string id;   // kValid: 1 to 32 letters and digits
  std::string why;  // kInvalid: one printable line
};

// `txt` are the records of the name, the strings of each joined.
StsRecord ReadStsRecord(std::span<const std::string> txt);

}  // namespace postern
