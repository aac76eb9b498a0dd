#include "pin-admin/postfix_source.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>
#include <vector>

#include "core/names/quoted.h"
#include "pin-admin/doctor/run_program.h"
#include "pin-admin/read_file.h"

namespace postern {
namespace {

// The program's path, found by PATH or where administrators' programs are, and
// the instance that the environment names, which the program does not see.
std::optional<std::vector<std::string>> PostfixProgram(
    const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string directories = std::string(path != nullptr ? path : "") +
                            ":/usr/sbin:/usr/bin:/usr/local/sbin";
  while (!directories.empty()) {
    const std::size_t end = std::min(directories.find(':'), directories.size());
    const std::string directory = directories.substr(0, end);
    directories.erase(0, end + 1);
    // Not the current directory, whatever PATH says.
    if (directory.empty() || directory.front() != '/') continue;
    std::vector<std::string> words{directory + "/" + name};
    if (access(words.front().c_str(), X_OK) != 0) continue;
    const char* instance = std::getenv("MAIL_CONFIG");
    if (instance != nullptr && instance[0] == '/') {
      words.insert(words.end(), {"-c", instance});
    }
    return words;
  }
  return std::nullopt;
}

// What it writes on standard output; an Error with its last words where it does
// not end in 0.
Result<std::string> Ask(const std::vector<std::string>& words) {
  constexpr std::size_t kLastWords = 300;
  SystemPrograms programs;
  Result<ProgramOutput> ran = programs.Run(words, "");
  if (!ran) return ran.error();
  if (ran->status != 0) {
    const std::string complaint = ran->err.substr(0, kLastWords);
    return Invalid(words.front() + (complaint.empty()
                                        ? ": it failed"
                                        : ": it says " + Quoted(complaint)));
  }
  return std::move(ran->out);
}

Result<std::string> ListTable(const std::string& type,
                              const std::string& path) {
  const std::string table = type + ":" + path;
  std::optional<std::vector<std::string>> postmap = PostfixProgram("postmap");
  if (!postmap) {
    return Invalid(
        "a compiled table is listed by postmap, and there is none "
        "on this host: give the table's source, or the output of "
        "'postmap -s " +
        table + "' from the host that has it");
  }
  postmap->insert(postmap->end(), {"-s", table});
  return Ask(*postmap);
}

// As the table is named in main.cf: without what postmap added.
std::string WithoutSuffix(const std::string& path) {
  for (const char* suffix : {".db", ".lmdb"}) {
    if (path.ends_with(suffix)) {
      return path.substr(0, path.size() - std::strlen(suffix));
    }
  }
  return path;
}

// Whether the octets at `offset` are `magic`, in either order.
bool HasMagic(std::string_view octets, std::size_t offset,
              std::array<unsigned char, 4> magic) {
  if (octets.size() < offset + magic.size()) return false;
  bool same = true;
  bool reversed = true;
  for (std::size_t i = 0; i < magic.size(); ++i) {
    const auto octet = static_cast<unsigned char>(octets[offset + i]);
    same = same && octet == magic[i];
    reversed = reversed && octet == magic[magic.size() - 1 - i];
  }
  return same || reversed;
}

}  // namespace

std::string_view CompiledTableType(std::string_view octets) {
  // Berkeley DB's meta page, and LMDB's behind its page header.
  if (HasMagic(octets, 12, {0x00, 0x06, 0x15, 0x61})) return "hash";
  if (HasMagic(octets, 12, {0x00, 0x05, 0x31, 0x62})) return "btree";
  for (const std::size_t offset : {16u, 24u}) {
    if (HasMagic(octets, offset, {0xbe, 0xef, 0xc0, 0xde})) return "lmdb";
  }
  return "";
}

Result<std::string> ReadPostfixTableText(const std::string& name) {
  static const std::set<std::string> kCompiled{"hash", "btree", "lmdb",
                                               "cdb",  "dbm",   "sdbm"};
  const std::size_t colon = name.find(':');
  const bool typed =
      colon != std::string::npos && colon > 0 && name.find('/') > colon;
  const std::string type = typed ? name.substr(0, colon) : "";
  const std::string path = typed ? name.substr(colon + 1) : name;
  if (kCompiled.contains(type)) return ListTable(type, path);
  if (typed && type != "texthash") {
    return Invalid("a " + type +
                   ": table is asked for single names and can't be listed: "
                   "give a file with one line for each destination");
  }
  Result<std::string> text = ReadInputFile(path);
  if (!text) return text;
  if (text->find('\0') == std::string::npos) return text;
  const std::string_view compiled = CompiledTableType(*text);
  if (path != "-" && !compiled.empty()) {
    return ListTable(std::string(compiled), WithoutSuffix(path));
  }
  return Invalid(Quoted(path) +
                 " is no text: give the source of the table, or the output of "
                 "'postmap -s TYPE:FILE'");
}

Result<PostfixSettings> AskPostconf() {
  std::optional<std::vector<std::string>> words = PostfixProgram("postconf");
  if (!words) return PostfixSettings();
  words->emplace_back("-x");
  const std::vector<std::string>& names = PostfixSettings::Names();
  words->insert(words->end(), names.begin(), names.end());
  const Result<std::string> text = Ask(*words);
  if (!text) return text.error();
  return PostfixSettings::Parse(*text);
}

}  // namespace postern
