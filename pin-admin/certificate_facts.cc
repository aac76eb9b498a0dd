#include "pin-admin/certificate_facts.h"

#include <algorithm>
#include <array>

#include "core/names/ip_address.h"
#include "pin-admin/privileges.h"
#include "pin-admin/value_text.h"

namespace postern {
namespace {

std::string AddressText(const std::string& octets) {
  if (octets.size() == 4) {
    std::array<std::uint8_t, 4> bytes{};
    std::copy(octets.begin(), octets.end(), bytes.begin());
    return IpAddress::V4(bytes).str();
  }
  if (octets.size() == 16) {
    std::array<std::uint8_t, 16> bytes{};
    std::copy(octets.begin(), octets.end(), bytes.begin());
    return IpAddress::V6(bytes).str();
  }
  return "(" + std::to_string(octets.size()) + " octets)";
}

Result<std::vector<Certificate>> Read(std::string_view text) {
  if (text.find("-----BEGIN") != std::string_view::npos) {
    return ReadPemCertificates(text);
  }
  const Result<Certificate> certificate =
      Certificate::Parse(DerCertificate(text.begin(), text.end()));
  if (!certificate) {
    return Error(certificate.error().reason(),
                 "neither PEM nor DER: " + certificate.error().detail());
  }
  return std::vector<Certificate>{*certificate};
}

std::string Inspect(std::string_view text) {
  const Result<std::vector<Certificate>> found = Read(text);
  Json answer = Json::MakeObject();
  if (!found) return answer.Set("error", found.error().detail()).Dump();
  Json list = Json::MakeArray();
  for (const Certificate& certificate : *found) {
    Json facts = ToJson(certificate);
    const DerCertificate& der = certificate.der();
    facts.Set("der",
              ToHex({reinterpret_cast<const char*>(der.data()), der.size()}));
    list.Add(std::move(facts));
  }
  return answer.Set("certificates", std::move(list)).Dump();
}

}  // namespace

Json ToJson(const Certificate& certificate) {
  Json names = Json::MakeArray();
  for (const std::string& name : certificate.dns_names())
    names.Add(Clean(name));
  for (const std::string& octets : certificate.ip_addresses()) {
    names.Add("IP:" + AddressText(octets));
  }
  Json common_names = Json::MakeArray();
  for (const std::string& name : certificate.common_names()) {
    common_names.Add(Clean(name));
  }
  Json facts = Json::MakeObject();
  facts.Set("subject", certificate.subject());
  facts.Set("issuer", certificate.issuer());
  facts.Set("names", std::move(names));
  facts.Set("common_names", std::move(common_names));
  facts.Set("not_before", FormatTime(certificate.not_before()));
  facts.Set("not_after", FormatTime(certificate.not_after()));
  facts.Set("key", certificate.key_description());
  facts.Set("serial", certificate.serial());
  for (const auto algorithm :
       {DigestAlgorithm::kSha256, DigestAlgorithm::kSha512}) {
    const std::string name(ToString(algorithm));
    const Result<std::string> spki = certificate.SpkiDigest(algorithm);
    const Result<std::string> whole = certificate.Fingerprint(algorithm);
    facts.Set("spki_" + name, spki ? Json(ToHex(*spki)) : Json());
    facts.Set("cert_" + name, whole ? Json(ToHex(*whole)) : Json());
  }
  return facts;
}

Result<std::vector<Json>> InspectCertificates(const std::string& user,
                                              std::string_view text) {
  const Result<std::string> answer =
      RunUnprivileged(user, [text] { return Inspect(text); });
  if (!answer) return answer.error();
  const Result<Json> json = Json::Parse(*answer);
  if (!json) return json.error();
  if (!(*json)["error"].is_null()) {
    return Invalid(std::string((*json)["error"].text()));
  }
  const Json::Array* list = (*json)["certificates"].array();
  if (list == nullptr || list->empty()) return Invalid("no certificate");
  return *list;
}

Status TakeDigest(Pin& pin, const Json& facts) {
  const std::string name = (pin.kind == PinKind::kSpki ? "spki_" : "cert_") +
                           std::string(ToString(pin.algorithm));
  const Result<DigestText> digest = ParseDigest(facts[name].text());
  if (!digest || digest->algorithm != pin.algorithm) {
    return Error(Reason::kInternal, "the certificate's digest is missing");
  }
  pin.digest = digest->octets;
  if (pin.kind == PinKind::kCa) pin.certificate = DerOf(facts);
  return {};
}

std::string DerOf(const Json& facts) {
  return FromHex(facts["der"].text()).value_or("");
}

TimePoint NotAfter(const Json& facts) {
  return ParseTime(facts["not_after"].text()).value_or(TimePoint{});
}

void ShowCertificate(Output& out, const Json& facts, TimePoint now) {
  std::string names;
  if (const Json::Array* list = facts["names"].array()) {
    for (const Json& name : *list) {
      names += (names.empty() ? "" : ", ") + std::string(name.text());
    }
  }
  const TimePoint end = NotAfter(facts);
  const auto line = [&out](std::string_view what, const std::string& text) {
    out.Line("  " + std::string(what) + Clean(text));
  };
  const auto field = [&](std::string_view what, std::string_view key) {
    line(what, std::string(facts[key].text()));
  };
  field("subject      ", "subject");
  line("names        ", names.empty() ? "none" : names);
  field("issuer       ", "issuer");
  line("valid        ", std::string(facts["not_before"].text()) + " to " +
                            FormatTime(end) +
                            (end < now ? " (expired " : " (expires ") +
                            Relative(end, now) + ")");
  field("key          ", "key");
  field("spki sha256  ", "spki_sha256");
  field("cert sha256  ", "cert_sha256");
}

}  // namespace postern
