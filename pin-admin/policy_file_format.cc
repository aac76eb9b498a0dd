// How policy files are written; policy_file.cc reads them.
#include <algorithm>

#include "pin-admin/policy_file.h"
#include "pin-admin/policy_text.h"
#include "pin-admin/value_text.h"

namespace postern {
namespace {

// Name and value as SplitQuoted() reads them back.
std::string Attribute(std::string_view name, std::string_view value) {
  std::string text = " " + std::string(name) + "=\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
}

std::string FormatPin(const Pin& pin) {
  std::string text = "    pin " + std::string(ToString(pin.kind)) + " " +
                     std::string(ToString(pin.algorithm)) + ":" +
                     ToHex(pin.digest);
  if (pin.role == PinRole::kBackup) text += " role=backup";
  if (pin.valid_from) text += " from=" + FormatTime(*pin.valid_from);
  if (pin.valid_until) text += " until=" + FormatTime(*pin.valid_until);
  if (!pin.label.empty()) text += Attribute("label", pin.label);
  return text;
}

std::string FormatOrigin(const std::string& certificate,
                         const std::string& added_by, TimePoint added_at) {
  std::string text;
  if (!certificate.empty()) text += " certificate=" + ToBase64(certificate);
  if (!added_by.empty()) {
    text += Attribute("added-by", added_by) + " added=" + FormatTime(added_at);
  }
  return text;
}

class WholeWriter {
 public:
  WholeWriter(const std::vector<Pin>& unused, TimePoint now)
      : unused_(unused), now_(now) {
    file_.text = "# all of the store, written " + FormatTime(now) +
                 "; 'pin-admin policy apply' reads it\n@whole\n";
  }

  void Add(const Anchor& anchor) {
    file_.text +=
        "@anchor " + anchor.name +
        FormatOrigin(anchor.certificate, anchor.added_by, anchor.added_at) +
        "\n";
  }

  void Add(const PolicyRow& row) {
    bool has_line = row.line.has_value();
    if (row.line) file_.text += Format(*row.line) + "\n";
    if (row.exception) {
      if (row.exception->until && *row.exception->until <= now_) {
        LeaveOut(Format(*row.exception), "that exception is over");
      } else {
        file_.text += Format(*row.exception) + "\n";
        has_line = true;
      }
    }
    std::string pins;
    for (const Pin& pin : row.pins) {
      const std::string text =
          FormatPin(pin) +
          FormatOrigin(pin.certificate, pin.added_by, pin.added_at);
      if (IsUnused(pin)) {
        LeaveOut(pin.key + ":" + text, "no line uses that pin");
      } else {
        pins += text + "\n";
      }
    }
    if (!has_line && !pins.empty()) file_.text += row.key.str() + " pins\n";
    file_.text += pins;
  }

  WholeFile Done() && { return std::move(file_); }

 private:
  bool IsUnused(const Pin& pin) const {
    return std::any_of(
        unused_.begin(), unused_.end(),
        [&pin](const Pin& other) { return IdOf(other) == IdOf(pin); });
  }
  // A comment between a line and its pins is passed over.
  void LeaveOut(const std::string& text, const std::string& why) {
    file_.text += "# " + why + ": " + text + "\n";
    file_.left_out.push_back(why + ": " + text);
  }

  const std::vector<Pin>& unused_;
  const TimePoint now_;
  WholeFile file_;
};

}  // namespace

std::string FormatForFile(const PolicyRow& row) {
  if (!row.line) return "";
  std::string text = Format(*row.line) + "\n";
  for (const Pin& pin : row.pins) text += FormatPin(pin) + "\n";
  return text;
}

WholeFile FormatWhole(const std::vector<PolicyRow>& rows,
                      const std::vector<Anchor>& anchors,
                      const std::vector<Pin>& unused, TimePoint now) {
  WholeWriter writer(unused, now);
  for (const Anchor& anchor : anchors) writer.Add(anchor);
  for (const PolicyRow& row : rows) writer.Add(row);
  return std::move(writer).Done();
}

}  // namespace postern
