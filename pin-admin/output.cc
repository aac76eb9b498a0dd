#include "pin-admin/output.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>

namespace postern {
namespace {

const char* Code(Colour colour) {
  switch (colour) {
    case Colour::kGood:
      return "\033[32m";
    case Colour::kWarning:
      return "\033[33m";
    case Colour::kBad:
      return "\033[31m";
    case Colour::kFaint:
      return "\033[2m";
    case Colour::kBold:
      return "\033[1m";
    case Colour::kPlain:
      break;
  }
  return "";
}

// Length of the UTF-8 sequence that starts `text`, or 0 for what is none.
std::size_t Sequence(std::string_view text) {
  const auto byte = [&text](std::size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

// C0 and C1 controls, and the marks that turn the reading direction.
bool Unprintable(std::string_view sequence) {
  if (sequence.size() == 1) {
    const unsigned char c = static_cast<unsigned char>(sequence[0]);
    return (c < 0x20 && c != '\n') || c == 0x7f;
  }
  if (sequence.size() == 2 && sequence[0] == '\xc2') {
    return static_cast<unsigned char>(sequence[1]) < 0xa0;
  }
  if (sequence.size() == 3 && sequence.substr(0, 2) == "\xe2\x80") {
    const unsigned char c = static_cast<unsigned char>(sequence[2]);
    return c == 0x8e || c == 0x8f || (c >= 0xa8 && c <= 0xae);
  }
  return sequence.size() == 3 && sequence.substr(0, 2) == "\xe2\x81" &&
         static_cast<unsigned char>(sequence[2]) >= 0xa6 &&
         static_cast<unsigned char>(sequence[2]) <= 0xa9;
}

std::string CellText(const Json& cell) {
  if (cell.is_null()) return "-";
  if (const bool* value = cell.boolean()) return *value ? "yes" : "no";
  if (const std::int64_t* value = cell.integer()) return std::to_string(*value);
  if (const std::string* value = cell.string()) {
    std::string text = value->empty() ? "-" : Clean(*value);
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
  }
  std::string text;
  if (const Json::Array* items = cell.array()) {
    for (const Json& item : *items) {
      if (!text.empty()) text += ", ";
      text += CellText(item);
    }
  }
  return text.empty() ? "-" : text;
}

// Columns on a terminal: code points; good enough for what we print.
std::size_t Width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::string Text(const Json& json) { return Clean(json.text()); }

std::string Clean(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = Sequence(text);
    if (length == 0) {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
      continue;
    }
    const std::string_view sequence = text.substr(0, length);
    if (Unprintable(sequence)) {
      out += ' ';
    } else {
      out += sequence;
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string PluginText(std::string_view text) {
  std::string line = Clean(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::replace(line.begin(), line.end(), '|', '/');
  return line;
}

Output::Options Output::Detect(bool json, bool quiet) {
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  Options options;
  options.json = json;
  options.quiet = quiet;
  options.colour =
      isatty(STDOUT_FILENO) == 1 && !dumb && std::getenv("NO_COLOR") == nullptr;
  options.progress = isatty(STDERR_FILENO) == 1 && !dumb && !json && !quiet;
  return options;
}

void Output::Line(std::string_view text) {
  if (options_.json || options_.quiet) return;
  std::cout << text << '\n';
}

void Output::Text(std::string_view text) {
  answered_ = true;
  if (options_.json) return;
  std::cout << text;
  if (!text.empty() && text.back() != '\n') std::cout << '\n';
}

std::string Output::Paint(Colour colour, std::string_view text) const {
  if (!options_.colour || colour == Colour::kPlain) return std::string(text);
  return std::string(Code(colour)) + std::string(text) + "\033[0m";
}

void Output::Print(std::string_view name, const Table& table,
                   std::string_view empty) {
  Json list = Json::MakeArray();
  for (const std::vector<Json>& row : table.rows) {
    Json object = Json::MakeObject();
    for (std::size_t i = 0; i < row.size(); ++i) {
      object.Set(table.columns[i].key, row[i]);
    }
    list.Add(std::move(object));
  }
  doc_.Set(name, std::move(list));
  if (options_.json) return;
  if (table.rows.empty()) {
    Line(empty);
    return;
  }

  std::vector<std::size_t> shown;
  std::vector<std::vector<std::string>> lines(table.rows.size() + 1);
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].title.empty()) continue;
    shown.push_back(i);
    lines[0].emplace_back(table.columns[i].title);
    for (std::size_t r = 0; r < table.rows.size(); ++r) {
      lines[r + 1].push_back(CellText(table.rows[r][i]));
    }
  }
  std::vector<std::size_t> widths(shown.size(), 0);
  for (const std::vector<std::string>& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], Width(line[i]));
    }
  }
  for (std::size_t r = 0; r < lines.size(); ++r) {
    std::string text;
    for (std::size_t i = 0; i < lines[r].size(); ++i) {
      text += lines[r][i];
      if (i + 1 == lines[r].size()) break;
      text.append(widths[i] - Width(lines[r][i]) + 2, ' ');
    }
    if (r == 0) {
      Line(Paint(Colour::kBold, text));
    } else {
      Text(text);
    }
  }
}

void Output::Raw(std::string_view line) {
  std::cout << line << '\n' << std::flush;
}

void Output::Complain(std::string_view kind, Colour colour,
                      std::string_view text) {
  std::cout.flush();
  const bool painted = options_.colour && isatty(STDERR_FILENO) == 1;
  std::cerr << "pin-admin: "
            << (painted ? Paint(colour, kind) : std::string(kind))
            << Clean(text) << '\n';
}

void Output::Warn(std::string_view text) {
  warnings_.Add(Clean(text));
  Complain("warning: ", Colour::kWarning, text);
}

ExitStatus Output::Usage(std::string_view what) {
  doc_.Set("error", Json::MakeObject()
                        .Set("reason", "usage")
                        .Set("sentence", Clean(what))
                        .Set("hint", "see --help"));
  Complain("", Colour::kBad, what);
  return ExitStatus::kUsage;
}

ExitStatus Output::No(std::string_view what) {
  doc_.Set("error", Json::MakeObject()
                        .Set("reason", "refused")
                        .Set("sentence", Clean(what))
                        .Set("hint", Json()));
  Complain("", Colour::kBad, what);
  return ExitStatus::kNo;
}

ExitStatus Output::CouldNot(const Error& error) {
  // An error that says what to do needs no second advice.
  const bool advises = error.detail().find("pin-admin") != std::string::npos ||
                       error.detail().find("make room") != std::string::npos;
  return CouldNot(error, advises ? "" : Describe(error.reason()).hint);
}

ExitStatus Output::CouldNot(const Error& error, std::string_view hint) {
  const ReasonInfo& info = Describe(error.reason());
  doc_.Set("error", Json::MakeObject()
                        .Set("reason", info.token)
                        .Set("sentence", Clean(error.detail()))
                        .Set("hint", hint.empty() ? Json() : Json(hint)));
  Complain(
      "", Colour::kBad,
      error.detail().empty() ? std::string(info.sentence) : error.detail());
  if (!hint.empty()) Complain("hint: ", Colour::kWarning, hint);
  return ExitStatus::kUnknown;
}

bool Output::CanAsk() const {
  return isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
}

bool Output::Confirm(std::string_view question) {
  if (!CanAsk()) return false;
  std::cout.flush();
  std::cerr << Clean(question) << " [yes/no] " << std::flush;
  std::string answer;
  if (!std::getline(std::cin, answer)) return false;
  return answer == "yes";
}

void Output::Finish(std::string_view command, int status) {
  if (options_.json && document_) {
    Json document = Json::MakeObject();
    document.Set("command", command);
    document.Set("status", status);
    document.Set("warnings", warnings_);
    if (const Json::Object* members = doc_.object()) {
      for (const Json::Member& member : *members) {
        document.Set(member.first, member.second);
      }
    }
    std::cout << document.DumpPretty() << '\n';
  }
}

}  // namespace postern
