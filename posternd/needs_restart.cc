#include "posternd/needs_restart.h"

namespace postern {

std::vector<std::string> NeedingRestart(const Settings& old,
                                        const Settings& now) {
  std::vector<std::string> names;
  const auto note = [&](bool changed, const char* name) {
    if (changed) names.push_back(std::string(name) + ": needs a restart");
  };
  note(old.worker_threads != now.worker_threads, "worker-threads");
  note(old.lmtp_connections != now.lmtp_connections, "lmtp-connections");
  note(old.exim_questions != now.exim_questions, "exim-questions");
  note(old.sendmail_questions != now.sendmail_questions, "sendmail-questions");
  note(old.postfix_map.inet != now.postfix_map.inet, "postfix-map-inet");
  note(old.postfix_map.lookups != now.postfix_map.lookups,
       "postfix-map-lookups");
  note(old.state_store != now.state_store, "state");
  note(old.verdict_retention != now.verdict_retention, "verdict-retention");
  note(old.observation_retention != now.observation_retention,
       "observation-retention");
  note(old.journal != now.journal, "journal");
  note(old.published != now.published, "published");
  note(old.journal_retention != now.journal_retention, "journal-retention");
  note(old.journal_limit != now.journal_limit, "journal-limit");
  note(old.user != now.user, "user");
  for (const DoorSettings& door : old.doors) {
    const DoorSettings* changed = now.door(door.name);
    note(changed == nullptr || changed->path != door.path,
         ("door-" + door.name).c_str());
  }
  return names;
}

}  // namespace postern
