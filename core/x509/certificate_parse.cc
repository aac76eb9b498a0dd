#include "core/x509/certificate_parse.h"

#include <chrono>

#include "core/x509/digest.h"

namespace postern {
namespace {

constexpr std::size_t kMaxText = 256;
// RFC 5280 section 4.1.2.2.
constexpr int kMaxSerialOctets = 20;

std::string Encode(int length, unsigned char* bytes) {
  const OpenSslBytes owner(bytes);
  if (length <= 0) return {};
  return {reinterpret_cast<const char*>(bytes),
          static_cast<std::size_t>(length)};
}

std::optional<int> Digits(std::string_view text, std::size_t at,
                          std::size_t count) {
  int value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

// TimePoint counts nanoseconds and ends in 2262; certificates go to 9999.
TimePoint Clamp(std::chrono::sys_seconds time) {
  using std::chrono::floor;
  using std::chrono::seconds;
  if (time > floor<seconds>(TimePoint::max())) return TimePoint::max();
  if (time <= floor<seconds>(TimePoint::min())) return TimePoint::min();
  return TimePoint(time);
}

void ReadSerial(CertificateDetails* details) {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(details->x509.get());
  const int type = ASN1_STRING_type(serial);
  const std::string octets = Octets(serial);
  details->serial = ToHex(octets.substr(0, kMaxText / 2));
  // The octets are the magnitude; an encoding has one more where the first has
  // its top bit set, and that one counts.
  const bool top_bit = !octets.empty() && (octets.front() & 0x80) != 0;
  const int length = static_cast<int>(octets.size()) + (top_bit ? 1 : 0);
  if (type == V_ASN1_NEG_INTEGER) {
    details->serial.insert(0, "-");
    details->AddDefect("its serial number is negative");
  } else if (length > kMaxSerialOctets) {
    details->AddDefect("its serial number has more than 20 octets");
  } else if (octets.find_first_not_of('\0') == std::string::npos) {
    details->defect_below_anchor = "its serial number is zero";
  }
}

void ReadSubject(CertificateDetails* details) {
  X509* cert = details->x509.get();
  const X509_NAME* subject = X509_get_subject_name(cert);
  const X509_NAME* issuer = X509_get_issuer_name(cert);
  details->subject = NameText(subject);
  details->issuer = NameText(issuer);
  details->self_issued = X509_NAME_cmp(subject, issuer) == 0;
  details->empty_subject = X509_NAME_entry_count(subject) == 0;
  if (X509_NAME_entry_count(issuer) == 0) {
    details->AddDefect("it names no issuer");
  }

  if (!details->empty_subject) {
    unsigned char* bytes = nullptr;
    const int length = i2d_X509_NAME(subject, &bytes);
    details->names.push_back(
        {GeneralName::Kind::kDirectory, Encode(length, bytes)});
  }
  for (int i = 0; i < X509_NAME_entry_count(subject); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(subject, i);
    const int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    if (nid != NID_commonName && nid != NID_pkcs9_emailAddress) continue;
    unsigned char* bytes = nullptr;
    const int length =
        ASN1_STRING_to_UTF8(&bytes, X509_NAME_ENTRY_get_data(entry));
    std::string text = Encode(length, bytes);
    if (nid == NID_commonName) {
      details->common_names.push_back(std::move(text));
    } else {
      details->names.push_back({GeneralName::Kind::kEmail, std::move(text)});
    }
  }
}

bool ReadValidity(CertificateDetails* details) {
  const auto from = ReadTime(X509_get0_notBefore(details->x509.get()));
  const auto to = ReadTime(X509_get0_notAfter(details->x509.get()));
  if (!from || !to) return false;
  details->not_before = from->time;
  // The last second is within, and so are its fractions.
  details->not_after = to->time;
  if (!from->proper || !to->proper) {
    details->defect_below_anchor = "its validity is not encoded as it must be";
  }
  return true;
}

Error Malformed(const std::string& what) {
  return {Reason::kCertificateMalformed, what};
}

}  // namespace

std::string NameText(const X509_NAME* name) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0) {
    TakeOpenSslErrors();
    return {};
  }
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &data);
  std::string text(data, static_cast<std::size_t>(length));
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  if (text.size() > kMaxText) text = text.substr(0, kMaxText - 3) + "...";
  return text;
}

std::optional<Asn1Time> ReadTime(const ASN1_TIME* time) {
  if (time == nullptr) return std::nullopt;
  const std::string text = Octets(time);
  const bool utc = ASN1_STRING_type(time) == V_ASN1_UTCTIME;
  const std::size_t year_digits = utc ? 2 : 4;
  if (text.size() < year_digits + 11 || text.back() != 'Z') return std::nullopt;

  auto year = Digits(text, 0, year_digits);
  const auto month = Digits(text, year_digits, 2);
  const auto day = Digits(text, year_digits + 2, 2);
  const auto hour = Digits(text, year_digits + 4, 2);
  const auto minute = Digits(text, year_digits + 6, 2);
  const auto second = Digits(text, year_digits + 8, 2);
  if (!year || !month || !day || !hour || !minute || !second)
    return std::nullopt;
  if (utc) *year += *year < 50 ? 2000 : 1900;
  const std::chrono::year_month_day date{
      std::chrono::year(*year),
      std::chrono::month(static_cast<unsigned>(*month)),
      std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 59) {
    return std::nullopt;
  }
  const auto at = std::chrono::sys_days(date) + std::chrono::hours(*hour) +
                  std::chrono::minutes(*minute) + std::chrono::seconds(*second);
  Asn1Time result{Clamp(at), text.size() == year_digits + 11};
  if (!utc && *year < 2050) result.proper = false;
  return result;
}

Result<std::shared_ptr<const CertificateDetails>> ParseDetails(
    const DerCertificate& der) {
  auto details = std::make_shared<CertificateDetails>();
  const unsigned char* cursor = der.data();
  details->x509.reset(
      d2i_X509(nullptr, &cursor, static_cast<long>(der.size())));
  if (!details->x509) {
    return Malformed("the certificate does not parse: " + TakeOpenSslErrors());
  }
  if (cursor != der.data() + der.size()) {
    return Malformed("the certificate is followed by stray bytes");
  }
  X509* cert = details->x509.get();
  unsigned char* bytes = nullptr;
  int length = i2d_X509(cert, &bytes);
  // d2i_X509() reads BER as well; two encodings of one certificate would have
  // two fingerprints.
  if (Encode(length, bytes) !=
      std::string_view(reinterpret_cast<const char*>(der.data()), der.size())) {
    return Malformed("the certificate is not encoded in DER");
  }
  bytes = nullptr;
  length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &bytes);
  details->spki = Encode(length, bytes);
  if (details->spki.empty()) {
    return Malformed("the public key does not encode: " + TakeOpenSslErrors());
  }
  details->der = der;
  details->version = static_cast<int>(X509_get_version(cert)) + 1;

  ReadSerial(details.get());
  if (!ReadValidity(details.get())) {
    return Malformed("the certificate's validity does not parse");
  }
  ReadSubject(details.get());
  ReadKeyAndSignature(details.get());
  ReadExtensions(details.get());
  TakeOpenSslErrors();  // what optional parts have left there
  return std::shared_ptr<const CertificateDetails>(std::move(details));
}

}  // namespace postern
