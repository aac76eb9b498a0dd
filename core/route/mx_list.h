// core/route/mx_list.h
//
// From MX records to candidate hosts: sorted, shuffled, without what can't be
// connected to and without ourselves. Pure but for the dice.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/clock/clock.h"
#include "core/dns/resolver.h"
#include "core/names/domain.h"

namespace postern {

struct MxHost {
  Domain name;
  int preference = 0;
};

// A single "." and nothing else (RFC 7505 section 3). A "." among other records
// is against the RFC and is passed over.
bool IsNullMx(const std::vector<MxRecord>& records);

// By preference, equals in random order (RFC 5321 section 5.1), each host once.
// Exchanges that are no host name are left out.
std::vector<MxHost> SortMx(const std::vector<MxRecord>& records,
                           Random& random);

// Fisher and Yates.
template <typename T>
void Shuffle(std::span<T> items, Random& random) {
  for (std::size_t i = items.size(); i > 1; --i) {
    std::swap(items[i - 1], items[static_cast<std::size_t>(random.Below(i))]);
  }
}

}  // namespace postern
