// The settings as people read them: an explained postern.conf and the table of
// docs/configuration.md, both from the one list.
#include "core/config/settings.h"
#include "core/config/text_layout.h"

namespace postern {

std::string RenderSettingsFile() {
  std::string text =
      "# postern.conf: settings of Postern. Each option is shown with its\n"
      "# default; remove the '#' to change it.\n";
  for (const SettingInfo& info : AllSettings()) {
    text += "\n" + Wrap(info.help, "# ", "# ");
    text += "#" + std::string(info.name) + " =";
    if (!info.standard.empty()) text += " " + std::string(info.standard);
    text += "\n";
  }
  return text;
}

std::string RenderSettingsMarkdown() {
  std::string text =
      "| option | value | default | meaning |\n|---|---|---|---|\n";
  for (const SettingInfo& info : AllSettings()) {
    std::string value(info.value);
    if (const std::size_t bar = value.find('|'); bar != std::string::npos) {
      value.replace(bar, 1, " or ");
    }
    text += "| `" + std::string(info.name) + "` | " + value + " | ";
    if (!info.standard.empty()) text += "`" + std::string(info.standard) + "`";
    text += " | " + std::string(info.help) + " |\n";
  }
  return text;
}

}  // namespace postern
