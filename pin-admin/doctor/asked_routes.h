// pin-admin/doctor/asked_routes.h
//
// What an MTA answers of where it would send mail for each watched line.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/outcome/result.h"
#include "pin-admin/doctor/mta_inspection.h"
#include "pin-admin/doctor/run_program.h"

namespace postern {

struct AskedRoute {
  std::string key;
  bool must = false;    // as in WatchedLine
  std::string address;  // that was asked about
  Result<ProgramOutput> said;
};

struct AskedRoutes {
  std::vector<AskedRoute> routes;  // in the lines' order
  std::vector<Diagnosis> unasked;  // empty, or that there were too many lines
};

// Several at a time: `ask` gets an address and must be thread-safe. The default
// line is nobody's destination. `mta` begins the code of a Diagnosis ("exim").
AskedRoutes AskAboutRoutes(
    const WatchedPolicy& policy, const std::string& mta,
    const std::function<Result<ProgramOutput>(const std::string&)>& ask);

}  // namespace postern
