#include "pin-admin/doctor/asked_routes.h"

#include <cstddef>
#include <utility>

#include "pin-admin/parallel.h"

namespace postern {
namespace {

// More lines than this are not asked about one by one.
constexpr std::size_t kMostRoutes = 200;
// A destination whose DNS is silent takes its time.
constexpr std::size_t kRoutesAtOnce = 8;

}  // namespace

AskedRoutes AskAboutRoutes(
    const WatchedPolicy& policy, const std::string& mta,
    const std::function<Result<ProgramOutput>(const std::string&)>& ask) {
  AskedRoutes asked;
  for (const WatchedLine& line : policy.lines) {
    const std::string key = line.line.key.str();
    if (key == "*") continue;
    if (asked.routes.size() == kMostRoutes) {
      asked.unasked.push_back(
          {Remark::Weight::kUnknown, mta + "-routes-unasked", key,
           "more than " + std::to_string(kMostRoutes) + " lines are watched",
           "the rest was not asked about", ""});
      break;
    }
    asked.routes.push_back(
        {key, line.must,
         "postmaster@" + (key.starts_with('.') ? "postern-doctor" + key : key),
         Error{Reason::kServiceUnavailable, "not asked"}});
  }
  ForEachInParallel(asked.routes.size(), kRoutesAtOnce, false, "",
                    [&](std::size_t i) {
                      asked.routes[i].said = ask(asked.routes[i].address);
                    });
  return asked;
}

}  // namespace postern
