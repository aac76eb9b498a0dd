#include "pin-admin/doctor/diagnosis.h"

#include <algorithm>

namespace postern {
namespace {

// Continued lines stand below the first.
std::string Indented(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "           ";
  }
  return out;
}

// Not StatusOf()'s order: unknown comes first there, too.
int Gravity(Remark::Weight weight) { return static_cast<int>(weight); }

}  // namespace

Diagnosis CouldNotFindOut(std::string code, std::string subject,
                          const Error& error, std::string why,
                          std::string mend) {
  return {Remark::Weight::kUnknown, std::move(code),
          std::move(subject),       "could not find out: " + error.detail(),
          std::move(why),           std::move(mend)};
}

void Append(std::vector<Diagnosis>& to, std::vector<Diagnosis> from) {
  for (Diagnosis& diagnosis : from) to.push_back(std::move(diagnosis));
}

ExitStatus StatusOf(const std::vector<Diagnosis>& diagnoses) {
  ExitStatus status = ExitStatus::kGood;
  for (const Diagnosis& diagnosis : diagnoses) {
    status = Gravest(status, StatusOf(diagnosis.weight));
  }
  return status;
}

void Acknowledge(const std::vector<std::string>& known,
                 std::vector<Diagnosis>& diagnoses) {
  for (Diagnosis& diagnosis : diagnoses) {
    if (std::find(known.begin(), known.end(), diagnosis.code) != known.end()) {
      diagnosis.weight = Remark::Weight::kNote;
    }
  }
}

Remark ToRemark(const Diagnosis& diagnosis) {
  std::string text = diagnosis.what;
  if (!diagnosis.mend.empty()) {
    std::string mend;
    for (const char c : diagnosis.mend) {
      // "FILE:" and the line for it belong together.
      const bool heads = mend.ends_with(':');
      mend += c != '\n' ? std::string(1, c) : heads ? " " : "; ";
    }
    text += " (to mend it: " + mend + ")";
  }
  return {diagnosis.weight, diagnosis.code, std::move(text)};
}

Json ToJson(const Diagnosis& diagnosis) {
  return Json::MakeObject()
      .Set("weight", ToText(diagnosis.weight))
      .Set("code", diagnosis.code)
      .Set("subject",
           diagnosis.subject.empty() ? Json() : Json(Clean(diagnosis.subject)))
      .Set("what", Clean(diagnosis.what))
      .Set("why", Clean(diagnosis.why))
      .Set("mend",
           diagnosis.mend.empty() ? Json() : Json(Clean(diagnosis.mend)));
}

void Show(Output& out, const std::vector<Diagnosis>& diagnoses) {
  std::vector<const Diagnosis*> order;
  for (const Diagnosis& diagnosis : diagnoses) order.push_back(&diagnosis);
  std::stable_sort(order.begin(), order.end(),
                   [](const Diagnosis* a, const Diagnosis* b) {
                     return Gravity(a->weight) > Gravity(b->weight);
                   });
  for (const Diagnosis* diagnosis : order) {
    if (out.quiet() && StatusOf(diagnosis->weight) == ExitStatus::kGood) {
      continue;
    }
    std::string word(ToText(diagnosis->weight));
    word.resize(8, ' ');
    const std::string subject =
        diagnosis->subject.empty() ? "" : diagnosis->subject + ": ";
    out.Text(out.Paint(ColourOf(diagnosis->weight), word) +
             Clean(subject + diagnosis->what) + " [" + diagnosis->code + "]");
    if (!diagnosis->why.empty()) {
      out.Text("  why      " + Indented(Clean(diagnosis->why)));
    }
    if (!diagnosis->mend.empty()) {
      out.Text("  to mend  " + Indented(Clean(diagnosis->mend)));
    }
  }
}

}  // namespace postern
