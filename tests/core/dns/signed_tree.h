// tests/core/dns/signed_tree.h
//
// SignedTree: a small signed DNS tree on a port of the loopback interface, made
// afresh by make_signed_tree and served by a real nsd of our own. One for a
// whole test program; it ends with it.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "core/dns/unbound_resolver.h"

namespace postern {

class SignedTree {
 public:
  // Nothing, and why, if ldnsutils or nsd can't be had.
  static std::unique_ptr<SignedTree> Start(std::string& why);
  // Ends nsd and removes the files.
  ~SignedTree();
  SignedTree(const SignedTree&) = delete;
  SignedTree& operator=(const SignedTree&) = delete;

  // Asks the tree and nothing else, and trusts its root.
  ResolverOptions Options() const;
  const std::string& directory() const { return directory_; }

 private:
  SignedTree() = default;
  bool TryPort(const std::string& nsd, std::string& why);

  std::string directory_;
  Port port_;
  pid_t nsd_ = -1;
};

}  // namespace postern
