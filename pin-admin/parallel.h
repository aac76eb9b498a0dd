// pin-admin/parallel.h
//
// Many independent slow things at a time, with a progress bar where somebody
// watches.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

namespace postern {

// Calls `work(i)` for each i below `count` on at most `threads` threads and
// returns when all are done. `work` must not throw. With `progress`, a bar on
// standard error; `what` stands before it ("Probing").
void ForEachInParallel(std::size_t count, std::size_t threads, bool progress,
                       std::string_view what,
                       const std::function<void(std::size_t)>& work);

}  // namespace postern
