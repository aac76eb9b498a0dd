#include "core/sasl/secret.h"

#include <algorithm>
#include <cstring>

namespace postern {

void Wipe(void* octets, std::size_t count) noexcept {
  if (count > 0) explicit_bzero(octets, count);
}

Secret::Secret(std::initializer_list<std::string_view> pieces) {
  for (const std::string_view piece : pieces) size_ += piece.size();
  octets_ = std::make_unique<char[]>(size_);
  char* end = octets_.get();
  for (const std::string_view piece : pieces) {
    end = std::copy(piece.begin(), piece.end(), end);
  }
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Clear();
    octets_ = std::move(other.octets_);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

void Secret::Clear() noexcept {
  if (octets_) Wipe(octets_.get(), size_);
  octets_.reset();
  size_ = 0;
}

}  // namespace postern
