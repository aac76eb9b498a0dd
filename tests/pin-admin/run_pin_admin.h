// tests/pin-admin/run_pin_admin.h
//
// The real pin-admin in a store of its own, in a directory that goes away.
// Works for root (then the network's side runs as nobody) and for anybody else.
#pragma once

#include <string>
#include <vector>

#include "pin-admin/json.h"

namespace postern {

struct Ran {
  int status = -1;
  std::string out, err;
  // Standard output as JSON; ends the test program if it is none.
  Json json() const;
};

struct RunOptions {
  std::string input;
  bool as_nobody = false;  // only where we are root
  bool disk_full = false;  // standard output is /dev/full
};

// A copy of the binary is made once: whoever it runs as, it can be executed.
Ran RunBinary(const std::vector<std::string>& words,
              const RunOptions& options = {});

// The same on a terminal of its own, where `typed` is typed; out has all that
// the terminal showed.
Ran RunOnTerminal(const std::vector<std::string>& words,
                  const std::string& typed);

class TestStore {
 public:
  TestStore();  // an empty directory with a postern.conf
  ~TestStore();
  TestStore(const TestStore&) = delete;
  TestStore& operator=(const TestStore&) = delete;

  // pin-admin with this store's configuration.
  Ran Run(std::vector<std::string> words, const RunOptions& options = {}) const;
  Ran OnTerminal(std::vector<std::string> words,
                 const std::string& typed) const;
  // Run(); ends in a failed expectation unless it ends in 0.
  Ran Good(std::vector<std::string> words) const;
  Json GoodJson(std::vector<std::string> words) const;

  std::string path(const std::string& name) const {
    return directory_ + "/" + name;
  }
  std::string Write(const std::string& name, const std::string& text) const;
  // Octets of the author store and of the snapshot: what a dry run must not
  // change.
  std::string Content() const;

 private:
  std::string directory_;
};

std::string ReadAll(const std::string& path);

}  // namespace postern
