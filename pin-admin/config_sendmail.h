// pin-admin/config_sendmail.h
//
// config sendmail, one of ConfigCommands().
#pragma once

#include "pin-admin/command.h"

namespace postern {

// With --strict it reads the store.
ExitStatus RunConfigSendmail(Context& context);

}  // namespace postern
