// core/clock/budgets.h
//
// Who gives up when, from the inside out. Each limit lies below the next by
// more than what comes on top of it (a question to the client, the journal, the
// reply), so that whoever began a delivery hears its end: pipe(8) that gives up
// first BOUNCES the mail, a transport that gives up first has it sent twice.
#pragma once

#include <chrono>

namespace postern {

// The most that total-timeout may be: a delivery with all its hosts and the
// reply to its final dot, counted from the request.
inline constexpr std::chrono::seconds kMostTotalTimeout{55 * 60};
// postern-transport's longest wait.
inline constexpr std::chrono::seconds kTransportBudget{57 * 60};
// The pipe transport's time_limit, as `config postfix` prints it.
inline constexpr std::chrono::seconds kPipeTimeLimit{60 * 60};
// What a step may take beyond its limit.
inline constexpr std::chrono::seconds kBudgetSlack{60};

static_assert(kMostTotalTimeout + kBudgetSlack < kTransportBudget);
static_assert(kTransportBudget + kBudgetSlack < kPipeTimeLimit);

}  // namespace postern
