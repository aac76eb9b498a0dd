#include <curl/curl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/names/quoted.h"
#include "core/route/host_addresses.h"
#include "core/x509/file_cache.h"
#include "core/x509/path_validator.h"
#include "plugins/mta_sts/policy_fetcher.h"
#include "plugins/mta_sts/sts_words.h"

namespace postern {
namespace {

constexpr std::size_t kMostHeaderOctets = 65'536;
constexpr std::size_t kMostAddresses = 8;

struct EasyDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, ListDeleter>;

// What libcurl's callbacks fill. They run in the thread that fetches.
struct Transfer {
  const std::atomic<bool>& stop;
  std::string body;
  std::size_t header_octets = 0;
  bool too_long = false, no_memory = false;
};

std::size_t OnBody(char* octets, std::size_t /*one*/, std::size_t count,
                   void* of) noexcept {
  auto& transfer = *static_cast<Transfer*>(of);
  if (count > kLongestPolicy - transfer.body.size()) {
    transfer.too_long = true;
    return 0;
  }
  try {
    transfer.body.append(octets, count);
  } catch (const std::exception&) {
    transfer.no_memory = true;
    return 0;
  }
  return count;
}

std::size_t OnHeader(char* /*octets*/, std::size_t /*one*/, std::size_t count,
                     void* of) noexcept {
  auto& transfer = *static_cast<Transfer*>(of);
  transfer.header_octets += count;
  if (transfer.header_octets > kMostHeaderOctets) {
    transfer.too_long = true;
    return 0;
  }
  return count;
}

int OnProgress(void* of, curl_off_t /*total*/, curl_off_t /*now*/,
               curl_off_t /*up_total*/, curl_off_t /*up*/) noexcept {
  return static_cast<Transfer*>(of)->stop.load() ? 1 : 0;
}

// A setting that libcurl does not take must not be left out silently: each of
// them keeps something out.
class Setup {
 public:
  explicit Setup(CURL* handle) : handle_(handle) {}
  template <typename Value>
  void Set(CURLoption option, Value value) {
    if (code_ == CURLE_OK) code_ = curl_easy_setopt(handle_, option, value);
  }
  bool ok() const { return code_ == CURLE_OK; }
  std::string why() const { return curl_easy_strerror(code_); }

 private:
  CURL* handle_;
  CURLcode code_ = CURLE_OK;
};

Error FetchError(std::string detail) {
  return {Reason::kStsPolicyFetchError, std::move(detail)};
}

// Says nothing about the host.
Error OwnTrouble(std::string detail) {
  return {Reason::kInternal, std::move(detail)};
}

bool IsOwnTrouble(CURLcode code) {
  return code == CURLE_OUT_OF_MEMORY || code == CURLE_FAILED_INIT ||
         code == CURLE_NOT_BUILT_IN || code == CURLE_BAD_FUNCTION_ARGUMENT ||
         code == CURLE_UNKNOWN_OPTION || code == CURLE_SSL_ENGINE_NOTFOUND ||
         code == CURLE_SSL_ENGINE_SETFAILED ||
         code == CURLE_SSL_ENGINE_INITFAILED || code == CURLE_SSL_CIPHER;
}

bool IsCertificateTrouble(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION ||
         code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_CERTPROBLEM ||
         code == CURLE_SSL_INVALIDCERTSTATUS;
}

bool IsWord(std::string_view text, std::string_view lower_case) {
  return std::equal(text.begin(), text.end(), lower_case.begin(),
                    lower_case.end(), [](char a, char b) {
                      return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
                    });
}

// The media type; its parameters are nobody's business (RFC 8461 section 3.2).
bool IsPlainText(std::string_view type) {
  return IsWord(TrimBack(TrimFront(type.substr(0, type.find(';')))),
                "text/plain");
}

// Whether the answer itself says where it ends. What ends with the connection
// can be cut short by anybody on the way: libcurl takes an end without
// close_notify for one. (HTTP/2, where every end is told, is not spoken.)
bool HasItsEnd(CURL* handle) {
  curl_off_t length = -1;
  curl_easy_getinfo(handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  if (length >= 0) return true;
  curl_header* coding = nullptr;
  return curl_easy_header(handle, "Transfer-Encoding", 0, CURLH_HEADER, -1,
                          &coding) == CURLHE_OK &&
         coding->amount == 1 && IsWord(coding->value, "chunked");
}

// What the host presented, leaf first.
Result<std::vector<Certificate>> PresentedChain(CURL* handle) {
  curl_certinfo* info = nullptr;
  if (curl_easy_getinfo(handle, CURLINFO_CERTINFO, &info) != CURLE_OK ||
      info == nullptr || info->num_of_certs <= 0) {
    return Error{Reason::kCertificateMissing, "no certificate is known"};
  }
  constexpr std::string_view kPem = "Cert:";
  std::vector<Certificate> chain;
  const auto count = std::min<std::size_t>(
      static_cast<std::size_t>(info->num_of_certs), kMaxChainCertificates);
  for (std::size_t i = 0; i < count; ++i) {
    for (const curl_slist* each = info->certinfo[i]; each != nullptr;
         each = each->next) {
      const std::string_view text(each->data);
      if (text.substr(0, kPem.size()) != kPem) continue;
      auto certificates = ReadPemCertificates(text.substr(kPem.size()));
      if (!certificates) return certificates.error();
      for (Certificate& one : *certificates) chain.push_back(std::move(one));
    }
  }
  if (chain.empty()) {
    return Error{Reason::kCertificateMissing, "no certificate is known"};
  }
  return chain;
}

class HttpsFetcher final : public PolicyFetcher {
 public:
  HttpsFetcher(HttpsOptions options, Resolver& resolver, const Clock& clock)
      : options_(std::move(options)), resolver_(resolver), clock_(clock) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  }

  Result<std::string> Fetch(const Domain& domain, Deadline deadline,
                            const std::atomic<bool>& stop) override {
    deadline = deadline.Within(kLongestFetch);
    const Result<Domain> host = PolicyHost(domain);
    if (!host) return FetchError(host.error().detail());
    const auto trust = files_.Trust(options_.trust);
    if (!trust) return trust.error();
    const Result<std::string> addresses = AddressesOf(*host, deadline);
    if (!addresses) return addresses.error();

    const Easy handle(curl_easy_init());
    if (!handle) return OwnTrouble("libcurl gives no handle");
    const std::string port = std::to_string(options_.port.value);
    const List resolve(curl_slist_append(
        nullptr, (host->str() + ':' + port + ':' + *addresses).c_str()));
    if (!resolve) return OwnTrouble("no memory");
    const std::string url = "https://" + host->str() +
                            (options_.port == Port{443} ? "" : ":" + port) +
                            "/.well-known/mta-sts.txt";
    Transfer transfer{stop, {}};
    std::array<char, CURL_ERROR_SIZE> words{};
    const Status prepared =
        Prepare(handle.get(), url, resolve.get(), deadline, transfer, words);
    if (!prepared) return prepared.error();
    const CURLcode code = curl_easy_perform(handle.get());
    if (code != CURLE_OK) {
      return Failure(code, transfer, *host, words.data());
    }
    const Status proven = CheckCertificate(handle.get(), *host, **trust);
    if (!proven) return proven.error();
    const Status answered = CheckAnswer(handle.get());
    if (!answered) return answered.error();
    return std::move(transfer.body);
  }

 private:
  // "192.0.2.1,[2001:db8::1]", as CURLOPT_RESOLVE has them.
  Result<std::string> AddressesOf(const Domain& host, Deadline deadline) {
    const auto v4 = resolver_.A(host, deadline);
    const auto v6 = resolver_.Aaaa(host, deadline);
    std::string list;
    std::size_t count = 0, refused = 0;
    for (const auto* answer : {&v6, &v4}) {
      for (const IpAddress& address : answer->records) {
        if (!options_.addresses.Allows(address)) {
          ++refused;
          continue;
        }
        if (++count > kMostAddresses) break;
        if (!list.empty()) list += ',';
        list += address.is_v6() ? '[' + address.str() + ']' : address.str();
      }
    }
    if (!list.empty()) return list;
    if (refused > 0) {
      return FetchError(host.str() +
                        " has only addresses of our own or of private "
                        "networks (probe-private-addresses)");
    }
    if (v4.failed() || v6.failed()) {
      return FetchError(
          "the addresses of " + host.str() +
          " can't be looked up: " + (v4.failed() ? v4.why : v6.why));
    }
    return FetchError(host.str() + " has no address");
  }

  Status Prepare(CURL* handle, const std::string& url, curl_slist* resolve,
                 Deadline deadline, Transfer& transfer,
                 std::array<char, CURL_ERROR_SIZE>& words) const {
    struct stat info {};
    const bool directory =
        stat(options_.trust.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
    const auto left =
        std::max(deadline.remaining(), std::chrono::milliseconds(1));
    Setup setup(handle);
    setup.Set(CURLOPT_ERRORBUFFER, words.data());
    setup.Set(CURLOPT_NOSIGNAL, 1L);
    setup.Set(CURLOPT_URL, url.c_str());
    setup.Set(CURLOPT_PROTOCOLS_STR, "https");
    setup.Set(CURLOPT_FOLLOWLOCATION, 0L);
    setup.Set(CURLOPT_PROXY, "");  // whatever the environment says
    setup.Set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    setup.Set(CURLOPT_RESOLVE, resolve);
    setup.Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    setup.Set(CURLOPT_HTTP09_ALLOWED, 0L);
    setup.Set(CURLOPT_USERAGENT, "postern");
    setup.Set(CURLOPT_FORBID_REUSE, 1L);
    setup.Set(CURLOPT_SSL_SESSIONID_CACHE, 0L);
    setup.Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    setup.Set(CURLOPT_SSL_VERIFYPEER, 1L);
    setup.Set(CURLOPT_SSL_VERIFYHOST, 2L);
    setup.Set(CURLOPT_CERTINFO, 1L);
    setup.Set(directory ? CURLOPT_CAPATH : CURLOPT_CAINFO,
              options_.trust.c_str());
    setup.Set(directory ? CURLOPT_CAINFO : CURLOPT_CAPATH,
              static_cast<char*>(nullptr));
    setup.Set(CURLOPT_TIMEOUT_MS, static_cast<long>(left.count()));
    setup.Set(
        CURLOPT_CONNECTTIMEOUT_MS,
        static_cast<long>(std::min(left, options_.connect_timeout).count()));
    setup.Set(CURLOPT_WRITEFUNCTION, &OnBody);
    setup.Set(CURLOPT_WRITEDATA, &transfer);
    setup.Set(CURLOPT_HEADERFUNCTION, &OnHeader);
    setup.Set(CURLOPT_HEADERDATA, &transfer);
    setup.Set(CURLOPT_XFERINFOFUNCTION, &OnProgress);
    setup.Set(CURLOPT_XFERINFODATA, &transfer);
    setup.Set(CURLOPT_NOPROGRESS, 0L);
    if (setup.ok()) return {};
    return OwnTrouble("libcurl can't be set up: " + setup.why());
  }

  static Error Failure(CURLcode code, const Transfer& transfer,
                       const Domain& host, const char* words) {
    if (transfer.too_long) {
      return FetchError(host.str() + " sends more than 64 KiB");
    }
    if (transfer.no_memory) return OwnTrouble("no memory");
    if (transfer.stop.load()) {
      return {Reason::kServiceStopping, "the service is stopping"};
    }
    std::string said = words[0] == '\0' ? curl_easy_strerror(code) : words;
    said = host.str() + ": " + Quoted(said);
    if (code == CURLE_SSL_CACERT_BADFILE) {
      return {Reason::kTrustStoreUnavailable, std::move(said)};
    }
    if (IsOwnTrouble(code)) return OwnTrouble(std::move(said));
    if (IsCertificateTrouble(code)) {
      return {Reason::kStsWebpkiInvalid, std::move(said)};
    }
    return FetchError(std::move(said));
  }

  // Our own judgement: no common name, the rules of docs/x509.md.
  Status CheckCertificate(CURL* handle, const Domain& host,
                          const TrustStore& trust) const {
    const auto chain = PresentedChain(handle);
    if (!chain) {
      return Error{Reason::kStsWebpkiInvalid,
                   host.str() + ": " + chain.error().ToString()};
    }
    AcceptedNames names;
    names.references.push_back(ReferenceIdentity::Exact(host));
    PathRequest request;
    request.chain = *chain;
    request.trust = &trust;
    request.names = &names;
    request.at = clock_.Now();
    const PathResult result = ValidatePath(request);
    if (result.accepted()) return {};
    if (result.fault->reason == Reason::kInternal) {
      return OwnTrouble(host.str() + ": " + result.fault->detail);
    }
    return Error{Reason::kStsWebpkiInvalid,
                 host.str() + ": " +
                     std::string(Describe(result.fault->reason).token) + ": " +
                     result.fault->detail};
  }

  static Status CheckAnswer(CURL* handle) {
    long status = 0;
    const char* type = nullptr;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(handle, CURLINFO_CONTENT_TYPE, &type);
    if (status != 200) {
      const bool redirect = status >= 300 && status < 400;
      return FetchError("HTTP status " + std::to_string(status) +
                        (redirect ? "; redirects are not followed" : ""));
    }
    if (type == nullptr || !IsPlainText(type)) {
      return FetchError("the media type is " +
                        (type == nullptr ? "missing" : Quoted(type)) +
                        ", not text/plain");
    }
    if (!HasItsEnd(handle)) {
      return FetchError(
          "the answer has neither a Content-Length nor chunks, so its end "
          "can't be told from a cut");
    }
    return {};
  }

  const HttpsOptions options_;
  Resolver& resolver_;
  const Clock& clock_;
  FileCache files_;
};

}  // namespace

Result<Domain> PolicyHost(const Domain& domain) {
  return Domain::Parse("mta-sts." + domain.str());
}

std::unique_ptr<PolicyFetcher> MakeHttpsFetcher(HttpsOptions options,
                                                Resolver& resolver,
                                                const Clock& clock) {
  return std::make_unique<HttpsFetcher>(std::move(options), resolver, clock);
}

}  // namespace postern
