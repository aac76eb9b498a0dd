// pin-admin/doctor/sendmail_config.h
//
// What a sendmail.cf says of all that Postern's judgement depends on. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "pin-admin/doctor/diagnosis.h"

namespace postern {

struct SendmailConfig {
  std::map<std::string, std::string> options;  // names in lower case
  std::map<std::string, std::string> maps;     // K lines, without the name
  std::map<std::string, std::string> rules;    // a ruleset's lines, joined
  std::map<std::string, std::string> filters;  // X lines, without the name
  std::set<std::string> mailers;               // with IPC
  std::string smarthost;                       // DS
};

SendmailConfig ParseSendmailConfig(std::string_view text);

// One for each way in which mail gets past Postern's map or milter, or waits
// for them. `socket`: the map's, as postern.conf has it. `subject`: the file.
std::vector<Diagnosis> InspectSendmailConfig(const SendmailConfig& config,
                                             const std::string& socket,
                                             const std::string& subject);

}  // namespace postern
