// pin-admin/exit_status.h
//
// How a command ends. The numbers are part of the interface: scripts and
// monitoring read them.
#pragma once

namespace postern {

enum class ExitStatus {
  kGood = 0,
  kNo = 1,       // the answer is no
  kUsage = 2,    // the question was wrong
  kWarning = 3,  // good, but look at it
  kUnknown = 4,  // could not find out
};

// The graver of two: usage, unknown, no, warning, good.
ExitStatus Gravest(ExitStatus a, ExitStatus b);

// What monitoring plugins return: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
int ToNagios(ExitStatus status);
const char* NagiosWord(ExitStatus status);

}  // namespace postern
