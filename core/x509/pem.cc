#include "core/x509/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <limits>

namespace postern {
namespace {

// What PEM_read_bio() hands over.
struct RawBlock {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long length = 0;

  RawBlock() = default;
  RawBlock(const RawBlock&) = delete;
  RawBlock& operator=(const RawBlock&) = delete;
  ~RawBlock() {
    OPENSSL_free(name);
    OPENSSL_free(header);
    // A private key may stand in the same file.
    OPENSSL_clear_free(data, static_cast<std::size_t>(length));
  }
};

}  // namespace

PemText::PemText(std::string_view text) {
  if (text.size() <=
      static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    bio_.reset(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  }
}

Result<std::optional<PemBlock>> PemText::Next() {
  if (!bio_) {
    return Error{Reason::kCertificateMalformed, "the PEM text is too long"};
  }
  ERR_clear_error();
  RawBlock raw;
  if (PEM_read_bio(bio_.get(), &raw.name, &raw.header, &raw.data,
                   &raw.length) != 1) {
    const unsigned long last = ERR_peek_last_error();
    if (ERR_GET_LIB(last) == ERR_LIB_PEM &&
        ERR_GET_REASON(last) == PEM_R_NO_START_LINE) {
      ERR_clear_error();
      return std::optional<PemBlock>();
    }
    return Error{Reason::kCertificateMalformed,
                 "a PEM block does not decode: " + TakeOpenSslErrors()};
  }
  return std::optional<PemBlock>(
      {raw.name, std::string(reinterpret_cast<const char*>(raw.data),
                             static_cast<std::size_t>(raw.length))});
}

}  // namespace postern
