// core/policy/silent_source.h
//
// SilentSource: what a source binds where the line asks nothing of it. Pure.
#pragma once

#include <string_view>

#include "core/policy/policy_source.h"

namespace postern {

class SilentSource final : public BoundSource {
 public:
  // `source`: static storage.
  explicit SilentSource(std::string_view source) : source_(source) {}
  Contribution ForHost(const HostFacts& /*host*/,
                       Deadline /*deadline*/) const override {
    Contribution contribution;
    contribution.source = source_;
    return contribution;
  }

 private:
  const std::string_view source_;
};

}  // namespace postern
