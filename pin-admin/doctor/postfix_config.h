// pin-admin/doctor/postfix_config.h
//
// A Postfix instance's main.cf and master.cf as Postfix's own postconf(1)
// reads them: defaults filled in, $names expanded, a service's -o applied.
// Nothing of Postfix's syntax is parsed a second time here but postconf's
// output, and output that is not postconf's is an Error.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/outcome/result.h"
#include "pin-admin/doctor/run_program.h"

namespace postern {

// Which instance, and where its programs are.
struct PostfixPlace {
  std::string config_directory = "/etc/postfix";
  std::string program_directory = "/usr/sbin";
};

// One line of master.cf.
struct MasterService {
  std::string name, type;
  std::string is_private, unprivileged, chroot, wakeup, limit;  // "y n -" …
  std::string command;                                          // "pipe"
  std::vector<std::string> arguments;
  std::string key() const { return name + "/" + type; }
};

class PostfixConfig {
 public:
  using Values = std::map<std::string, std::string, std::less<>>;

  // An Error where a program is missing, hangs, fails, or answers garbage.
  static Result<PostfixConfig> Read(ProgramRunner& programs,
                                    const PostfixPlace& place);
  PostfixConfig(PostfixPlace place, Values values,
                std::vector<MasterService> services,
                std::map<std::string, Values> overrides)
      : place_(std::move(place)),
        values_(std::move(values)),
        services_(std::move(services)),
        overrides_(std::move(overrides)) {}

  const PostfixPlace& place() const { return place_; }
  // main.cf's value or Postfix's default; empty for what there is not.
  std::string Get(std::string_view name) const;
  // The same for one service ("rewrite/unix"): its -o comes first.
  std::string Get(const std::string& service, std::string_view name) const;
  const std::vector<MasterService>& services() const { return services_; }
  // The unix-domain service of that name: what a transport is.
  const MasterService* Transport(std::string_view name) const;
  // Where columns say "-": chroot is "n" but for very old compatibility levels.
  bool Chrooted(const MasterService& service) const;

  std::string MainCf() const { return place_.config_directory + "/main.cf"; }
  std::string MasterCf() const {
    return place_.config_directory + "/master.cf";
  }

 private:
  PostfixPlace place_;
  Values values_;
  std::vector<MasterService> services_;
  std::map<std::string, Values> overrides_;  // by service key
};

// "name = value" lines.
Result<PostfixConfig::Values> ParsePostconf(std::string_view text);
// postconf -M.
Result<std::vector<MasterService>> ParsePostconfServices(std::string_view text);
// postconf -P: "smtpd/inet/name = value" lines, by "smtpd/inet".
Result<std::map<std::string, PostfixConfig::Values>> ParsePostconfOverrides(
    std::string_view text);

// "1000s", "5d", "2": seconds; `unit` where the value has none. Nothing for
// what is no time.
std::optional<long long> ParsePostfixTime(std::string_view text, char unit);

// Items of a list: white space and commas part them, but not within braces.
std::vector<std::string> SplitPostfixList(std::string_view text);

// "yes" in any case.
bool IsYes(std::string_view value);

}  // namespace postern
