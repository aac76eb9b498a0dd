// core/x509/path_checks.h
//
// The rules of RFC 5280 section 6.1, certificate by certificate and over a
// whole path. They collect every fault; which one is told is
// path_validator.cc's business. Only for core/x509.
#pragma once

#include <vector>

#include "core/x509/path_validator.h"
#include "core/x509/signature_checker.h"

namespace postern {

enum class PathRole {
  kLeaf,
  kTrustedLeaf,  // the leaf itself is an anchor: a path of one
  kIntermediate,
  kAnchor,
};

// What is wrong with one certificate, wherever its path leads.
std::vector<PathFault> CheckCertificate(const Certificate& certificate,
                                        PathRole role, int depth, TimePoint at);

// What may still be spent on one validation, however many paths it tries.
struct PathBudget {
  SignatureChecker signatures;
  std::size_t name_comparisons = 100'000;  // with name constraints
};

// What is wrong with a path as a whole, from the leaf to an anchor or to what a
// bare key signed: lengths, name constraints, policies, revocation. Signatures
// have been checked.
std::vector<PathFault> CheckPath(const std::vector<Certificate>& path,
                                 const PathRequest& request,
                                 PathBudget& budget);

}  // namespace postern
