// sendmail-milter/published_file.h
//
// The published policy as a file, so that an answer that rests on nothing else
// can be tied to it. Each commit publishes another file under the same name, by
// rename(2), and none is ever written to (docs/store.md, "Snapshot").
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "core/service/owned_fd.h"

namespace postern {

// A name, and which of the files that have had it.
struct PublishedFile {
  std::string path;
  std::string state;  // one word; empty: it could not be looked at
  bool operator==(const PublishedFile&) const = default;

  static PublishedFile Now(const std::string& path);
};

// One of them, held so that its number stays its own. It is not opened for
// reading, nor need it be readable. Thread-safe.
class HeldFile {
 public:
  // Nothing where the name has another file by now, or can't be looked at.
  static std::optional<HeldFile> Hold(const PublishedFile& file);
  // False as soon as another one has its name, or anything was done to it: the
  // kernel counts a file's names, and notes each such change before rename(2)
  // is over. Half a microsecond. Not found out is "no".
  bool Unchanged() const;

 private:
  HeldFile(OwnedFd fd, const struct stat& status)
      : fd_(std::move(fd)), status_(status) {}

  OwnedFd fd_;
  struct stat status_;
};

}  // namespace postern
