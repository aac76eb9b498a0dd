// pin-admin/probe_meaning.h
//
// What the document of ProbeWalk() means, in sentences, and which names a
// certificate of each host has to carry. Pure.
#pragma once

#include <vector>

#include "core/clock/clock.h"
#include "core/names/next_hop.h"
#include "pin-admin/json.h"
#include "pin-admin/remark.h"

namespace postern {

std::vector<Remark> MeaningOf(const Json& walk, const NextHop& target,
                              TimePoint now);

// [{"host", "name", "for", "carried"}]: who compares what. `carried` is null
// where no certificate was seen.
Json NamesToCarry(const Json& walk, const NextHop& target);

// True where the certificate's names include `reference` ("mx.d" or ".d").
bool Carries(const Json& certificate, const std::string& reference);

}  // namespace postern
