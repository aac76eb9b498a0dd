#include "pin-admin/exit_status.h"

#include <algorithm>

namespace postern {
namespace {

int Gravity(ExitStatus status) {
  switch (status) {
    case ExitStatus::kGood:
      return 0;
    case ExitStatus::kWarning:
      return 1;
    case ExitStatus::kNo:
      return 2;
    case ExitStatus::kUnknown:
      return 3;
    case ExitStatus::kUsage:
      break;
  }
  return 4;
}

}  // namespace

ExitStatus Gravest(ExitStatus a, ExitStatus b) {
  return Gravity(a) >= Gravity(b) ? a : b;
}

// The monitoring plugins order them alike, and know no usage error.
int ToNagios(ExitStatus status) { return std::min(Gravity(status), 3); }

const char* NagiosWord(ExitStatus status) {
  constexpr const char* kWords[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
  return kWords[ToNagios(status)];
}

}  // namespace postern
