// pin-admin/postfix_map_lines.h
//
// What Postfix's own smtp(8) needs to ask the policy map, with the reason for
// each line. Pure text; tests/lab runs a real smtp(8) with these lines.
#pragma once

#include <string>

#include "core/config/settings.h"

namespace postern {

struct PostfixMapLines {
  std::string table;  // "socketmap:unix:postern/map:policy"
  std::string main_cf;
};

// The map behind `door`, seen from Postfix's queue directory, where its
// processes stand, chrooted or not: "unix:postern/map".
std::string PlaceFromQueue(const std::string& path,
                           const std::string& queue_directory);

// The unix socket where there is one, else the inet one; one must be there.
PostfixMapLines PostfixMap(const Settings& settings,
                           const std::string& queue_directory);

}  // namespace postern
