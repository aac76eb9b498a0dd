#include "pin-admin/remark.h"

namespace postern {

ExitStatus StatusOf(Remark::Weight weight) {
  switch (weight) {
    case Remark::Weight::kGood:
    case Remark::Weight::kNote:
      return ExitStatus::kGood;
    case Remark::Weight::kWarning:
      return ExitStatus::kWarning;
    case Remark::Weight::kNo:
      return ExitStatus::kNo;
    case Remark::Weight::kUnknown:
      break;
  }
  return ExitStatus::kUnknown;
}

ExitStatus StatusOf(const std::vector<Remark>& remarks) {
  ExitStatus status = ExitStatus::kGood;
  for (const Remark& remark : remarks) {
    status = Gravest(status, StatusOf(remark.weight));
  }
  return status;
}

std::string_view ToText(Remark::Weight weight) {
  switch (weight) {
    case Remark::Weight::kGood:
      return "good";
    case Remark::Weight::kNote:
      return "note";
    case Remark::Weight::kWarning:
      return "warning";
    case Remark::Weight::kNo:
      return "no";
    case Remark::Weight::kUnknown:
      break;
  }
  return "unknown";
}

Colour ColourOf(Remark::Weight weight) {
  switch (weight) {
    case Remark::Weight::kGood:
      return Colour::kGood;
    case Remark::Weight::kNote:
      return Colour::kFaint;
    case Remark::Weight::kWarning:
      return Colour::kWarning;
    case Remark::Weight::kNo:
    case Remark::Weight::kUnknown:
      break;
  }
  return Colour::kBad;
}

Json ToJson(const std::vector<Remark>& remarks) {
  Json list = Json::MakeArray();
  for (const Remark& remark : remarks) {
    list.Add(Json::MakeObject()
                 .Set("weight", ToText(remark.weight))
                 .Set("code", remark.code)
                 .Set("text", Clean(remark.text)));
  }
  return list;
}

void Show(Output& out, const std::vector<Remark>& remarks) {
  for (const Remark& remark : remarks) {
    // Without the text nobody would learn why.
    if (out.quiet() && remark.weight == Remark::Weight::kUnknown) {
      out.Warn(remark.text);
    }
    std::string word(ToText(remark.weight));
    word.resize(8, ' ');
    out.Line("  " + out.Paint(ColourOf(remark.weight), word) +
             Clean(remark.text));
  }
}

}  // namespace postern
