// core/sasl/secret.h
//
// Secret: text that must not outlive its use. It is never copied, and its
// memory is overwritten before it is given back.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <utility>

namespace postern {

// Overwrites; not left out by the compiler.
void Wipe(void* octets, std::size_t count) noexcept;

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text) : Secret({text}) {}
  // The pieces, one after the other.
  Secret(std::initializer_list<std::string_view> pieces);
  Secret(Secret&& other) noexcept
      : octets_(std::move(other.octets_)),
        size_(std::exchange(other.size_, 0)) {}
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { Clear(); }

  // Lives as long as the secret. A copy of it is the caller's to wipe.
  std::string_view text() const { return {octets_.get(), size_}; }
  bool empty() const { return size_ == 0; }
  bool operator==(const Secret& other) const { return text() == other.text(); }

 private:
  void Clear() noexcept;

  std::unique_ptr<char[]> octets_;
  std::size_t size_ = 0;
};

}  // namespace postern
