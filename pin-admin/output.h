// pin-admin/output.h
//
// Output: everything pin-admin prints goes through here. With --json one
// document at the end and nothing else on standard output; otherwise text, with
// colour and progress only where a terminal reads it. Warnings and errors go to
// standard error and into the document as well.
//
// Text that came from a peer is cleaned on its way out: a certificate's name
// can't drive the administrator's terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/outcome/result.h"
#include "pin-admin/exit_status.h"
#include "pin-admin/json.h"

namespace postern {

enum class Colour { kPlain, kGood, kWarning, kBad, kFaint, kBold };

// Rows of a listing, for people and for machines alike. In JSON an array of
// objects with the columns' keys; in text, columns padded to their widest cell.
// A column without a title appears in JSON only.
struct Table {
  struct Column {
    std::string_view key;
    std::string_view title;
  };
  std::vector<Column> columns;
  std::vector<std::vector<Json>> rows;
};

class Output {
 public:
  struct Options {
    bool json = false;
    bool quiet = false;   // only warnings, errors and the exit status
    bool colour = false;  // standard output is a terminal that wants it
    bool progress = false;
  };
  // What this process's terminal and environment (NO_COLOR, TERM) allow.
  static Options Detect(bool json, bool quiet);

  explicit Output(Options options) : options_(options) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  bool json() const { return options_.json; }
  bool quiet() const { return options_.quiet; }
  bool progress() const { return options_.progress; }

  // A line for people: not printed with --json or --quiet.
  void Line(std::string_view text);
  // The answer itself where it is text to paste; printed with --quiet too.
  void Text(std::string_view text);
  bool answered() const { return answered_; }  // Text() was called
  std::string Paint(Colour colour, std::string_view text) const;
  // In the document as `name`, and as text; `empty` is said instead of no rows.
  void Print(std::string_view name, const Table& table, std::string_view empty);

  // The document; members set here appear with --json.
  Json& doc() { return doc_; }
  // For output that is a stream of documents (verify --batch).
  void NoDocument() { document_ = false; }
  // One line on standard output at once, whatever the options.
  void Raw(std::string_view line);

  void Warn(std::string_view text);
  // Each says what is wrong and returns the status to end with.
  ExitStatus Usage(std::string_view what);
  ExitStatus No(std::string_view what);
  ExitStatus CouldNot(const Error& error);
  // The same with an advice that fits better than the reason's own.
  ExitStatus CouldNot(const Error& error, std::string_view hint);

  // Asks on the terminal; "no" where there is none to ask on.
  bool CanAsk() const;
  bool Confirm(std::string_view question);

  // Prints the document, if one is wanted. `status` is what the process ends
  // in.
  void Finish(std::string_view command, int status);

 private:
  void Complain(std::string_view kind, Colour colour, std::string_view text);

  Options options_;
  Json doc_ = Json::MakeObject();
  Json warnings_ = Json::MakeArray();
  bool document_ = true;
  bool answered_ = false;
};

// Without control characters (each becomes a space), bytes that are not UTF-8
// replaced; newlines are kept.
std::string Clean(std::string_view text);

// The same in one line and without a bar, which begins a monitoring plugin's
// figures.
std::string PluginText(std::string_view text);
// The same for a document's string; empty for what is none.
std::string Text(const Json& json);

}  // namespace postern
