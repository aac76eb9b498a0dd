// pin-admin/doctor/service_findings.h
//
// What is asked of one service in master.cf, and what is said of it: the base
// of the inspections of our transports.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pin-admin/doctor/diagnosis.h"
#include "pin-admin/doctor/postfix_config.h"

namespace postern {

// Of one inspection; borrows both.
class ServiceFindings {
 protected:
  ServiceFindings(const PostfixConfig& config, const MasterService& service)
      : config_(config), service_(service) {}

  // A parameter as this service has it: -o before main.cf.
  std::string Value(std::string_view name) const {
    return config_.Get(service_.key(), name);
  }

  void Tell(Remark::Weight weight, std::string code, std::string what,
            std::string why, std::string mend) {
    found_.push_back({weight, std::move(code),
                      config_.MasterCf() + " " + service_.name, std::move(what),
                      std::move(why), std::move(mend)});
  }

  // Postfix has to take the service's answers for what they are.
  void AnswersAsTheyAre(const std::string& filter) {
    const std::string table = Value(filter);
    if (table.empty()) return;
    Tell(Remark::Weight::kWarning, "answers-filtered", filter + " = " + table,
         "it may make a bounce of what Postern holds back, which would wait",
         "  -o " + filter + "=");
  }

  const PostfixConfig& config_;
  const MasterService& service_;
  std::vector<Diagnosis> found_;
};

}  // namespace postern
