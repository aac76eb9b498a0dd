#include "pin-admin/parallel.h"

#include <algorithm>
#include <atomic>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace postern {
namespace {

// Redrawn in place; erased at the end, so that nothing of it stays in between
// the lines of the answer.
class ProgressBar {
 public:
  ProgressBar(bool shown, std::string_view what, std::size_t total)
      : shown_(shown && total > 1), what_(what), total_(total) {
    if (shown_) Draw();
  }
  ~ProgressBar() {
    if (shown_) std::cerr << "\r\033[K" << std::flush;
  }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void Step() {
    if (!shown_) return;
    const std::lock_guard lock(mutex_);
    ++done_;
    Draw();
  }

 private:
  void Draw() {
    constexpr std::size_t kWidth = 30;
    const std::size_t filled = done_ * kWidth / total_;
    std::cerr << '\r' << what_ << " [" << std::string(filled, '#')
              << std::string(kWidth - filled, '.') << "] " << done_ << '/'
              << total_ << std::flush;
  }

  const bool shown_;
  const std::string_view what_;
  const std::size_t total_;
  std::mutex mutex_;
  std::size_t done_ = 0;
};

}  // namespace

void ForEachInParallel(std::size_t count, std::size_t threads, bool progress,
                       std::string_view what,
                       const std::function<void(std::size_t)>& work) {
  ProgressBar bar(progress, what, count);
  std::atomic<std::size_t> next{0};
  const auto worker = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      work(i);
      bar.Step();
    }
  };
  std::vector<std::thread> pool;
  for (std::size_t i = 1; i < std::min(threads, count); ++i) {
    pool.emplace_back(worker);
  }
  worker();
  for (std::thread& thread : pool) thread.join();
}

}  // namespace postern
