// pin-admin/doctor/postfix_filters.cc
//
// content_filter and FILTER: mail that they send away is never routed by
// transport_maps. Where it comes back is the filter's to say.
#include <algorithm>
#include <set>
#include <utility>

#include "pin-admin/doctor/pattern_table.h"
#include "pin-admin/doctor/postfix_coverage.h"
#include "pin-admin/read_file.h"

namespace postern {
namespace {

using Weight = Remark::Weight;

bool TakesMail(const MasterService& service) {
  return service.command == "smtpd" || service.command == "pickup" ||
         service.command == "qmqpd";
}

// "FILTER smtp:[127.0.0.1]:10025": what stands behind the word.
std::optional<std::string> FilterTarget(std::string_view action) {
  constexpr std::string_view kWord = "FILTER";
  if (action.size() <= kWord.size()) return std::nullopt;
  for (std::size_t i = 0; i < kWord.size(); ++i) {
    if ((action[i] & ~0x20) != kWord[i]) return std::nullopt;
  }
  const std::size_t at = action.find_first_not_of(" \t", kWord.size());
  if (at == kWord.size() || at == std::string_view::npos) return std::nullopt;
  return std::string(action.substr(at));
}

class Filters {
 public:
  Filters(const PostfixConfig& config, PostfixTables& tables,
          const Settings& settings)
      : config_(config), tables_(tables), settings_(settings) {}

  std::vector<Diagnosis> All() {
    for (const MasterService& service : config_.services()) {
      if (TakesMail(service)) ContentFilter(service);
      if (service.command == "cleanup") Checks(service);
      if (service.command == "smtpd") Restrictions(service);
    }
    return std::move(found_);
  }

 private:
  void ContentFilter(const MasterService& service) {
    const std::string filter = config_.Get(service.key(), "content_filter");
    if (filter.empty()) return;
    Target("content_filter", filter, "content_filter = " + filter);
  }

  // Mail that comes back has to be taken without being filtered again.
  bool TakesBack() const {
    return std::any_of(
        config_.services().begin(), config_.services().end(),
        [this](const MasterService& service) {
          const bool loopback = service.name.starts_with("127.") ||
                                service.name.starts_with("localhost:") ||
                                service.name.starts_with("[::1]:");
          return service.command == "smtpd" && loopback &&
                 config_.Get(service.key(), "content_filter").empty();
        });
  }

  void Target(const std::string& parameter, const std::string& target,
              const std::string& because) {
    const std::size_t colon = target.find(':');
    const std::string transport = target.substr(0, colon);
    const std::string hop =
        colon == std::string::npos ? "" : target.substr(colon + 1);
    const TransportKind kind = KindOf(config_, settings_, transport, hop);
    if (kind == TransportKind::kPostern ||
        kind == TransportKind::kGoesNowhere) {
      return;
    }
    const MasterService* service = config_.Transport(transport);
    const bool here = IsThisHost(hop) || kind == TransportKind::kStaysHere ||
                      (service != nullptr && service->command == "pipe");
    if (!here) {
      return Tell({Weight::kNo, "filter-bypass", parameter,
                   because + " sends mail to another host, past Postern",
                   "no line is asked for mail that a filter takes away",
                   "let the filter run on this host and hand the mail back, or "
                   "use smtpd_milters instead"});
    }
    if (TakesBack() && parameter == "content_filter") {
      return Tell({Weight::kNote, "content-filter", parameter,
                   because + ": mail goes to a program on this host first, and "
                             "comes back by an smtpd without a filter",
                   "what comes back is routed as shown; what the program sends "
                   "elsewhere is not",
                   ""});
    }
    Tell({Weight::kUnknown, "content-filter", parameter,
          because + ": mail goes to a program on this host, and where it "
                    "goes from there can't be told",
          "mail that does not come back to Postfix is not held to any line",
          "make sure that it hands the mail back to Postfix, then: pin-admin "
          "doctor --known content-filter"});
  }

  void Checks(const MasterService& service) {
    for (const char* name :
         {"header_checks", "mime_header_checks", "nested_header_checks",
          "body_checks", "milter_header_checks"}) {
      Tables(name, config_.Get(service.key(), name));
    }
  }

  void Restrictions(const MasterService& service) {
    std::vector<std::string> names{
        "smtpd_client_restrictions",      "smtpd_helo_restrictions",
        "smtpd_sender_restrictions",      "smtpd_relay_restrictions",
        "smtpd_recipient_restrictions",   "smtpd_data_restrictions",
        "smtpd_end_of_data_restrictions", "smtpd_etrn_restrictions"};
    for (std::string& name : SplitPostfixList(
             config_.Get(service.key(), "smtpd_restriction_classes"))) {
      names.push_back(std::move(name));
    }
    for (const std::string& name : names) {
      std::string before;
      for (std::string& word :
           SplitPostfixList(config_.Get(service.key(), name))) {
        if (word == "check_policy_service") PolicyService(name);
        const bool access =
            before.starts_with("check_") && before.ends_with("_access");
        // A table that stands alone is looked up as the list's own name says.
        const bool alone = word.find(':') != std::string::npos &&
                           !word.starts_with('{') &&
                           before != "check_policy_service";
        if (access || alone) Tables(name, word);
        before = std::move(word);
      }
    }
  }

  void PolicyService(const std::string& parameter) {
    Tell({Weight::kUnknown, "filter-policy-service", parameter,
          "a policy service may answer FILTER, and what it answers can't be "
          "told from here",
          "mail that it gives to a filter is not routed by transport_maps",
          "if it never answers FILTER: pin-admin doctor --known "
          "filter-policy-service"});
  }

  void Tables(const std::string& parameter, const std::string& list) {
    if (list.empty()) return;
    const auto tables = tables_.Open(list);
    if (!tables) {
      found_.push_back(CouldNotFindOut(
          "filter-unknown", parameter, tables.error(),
          "the table may hold FILTER actions", "mend or remove the table"));
      return;
    }
    for (const PostfixTable* table : *tables) Table(parameter, *table);
  }

  void Table(const std::string& parameter, const PostfixTable& table) {
    const auto action = [&](const std::string& result) {
      if (const std::optional<std::string> target = FilterTarget(result)) {
        Target(parameter, *target, table.name() + " says '" + result + "'");
      }
    };
    for (const auto& [key, value] : table.entries()) action(value);
    if (table.listed()) return;
    const std::size_t colon = table.name().find(':');
    const std::string type = table.name().substr(0, colon);
    if (type == "static") return action(table.name().substr(colon + 1));
    if (type == "regexp" || type == "pcre" || type == "cidr") {
      return File(parameter, table, type == "cidr", action);
    }
    Tell({Weight::kUnknown, "filter-unknown", parameter,
          table.name() + " can't be listed: whether it says FILTER is open",
          "mail that it gives to a filter is not routed by transport_maps",
          "see for yourself, then: pin-admin doctor --known filter-unknown"});
  }

  // Tables of patterns are files: each line's result is looked at.
  template <typename Action>
  void File(const std::string& parameter, const PostfixTable& table, bool cidr,
            const Action& action) {
    const std::string file = table.name().substr(table.name().find(':') + 1);
    const Result<std::string> text = ReadInputFile(file);
    const bool mentions = text && (text->find("FILTER") != std::string::npos ||
                                   text->find("filter") != std::string::npos ||
                                   text->find("Filter") != std::string::npos);
    if (text && !mentions) return;
    const auto lines = !text  ? Result<std::vector<PatternLine>>(text.error())
                       : cidr ? ParseCidrTable(*text)
                              : ParsePatternTable(*text);
    if (!lines) {
      found_.push_back(CouldNotFindOut(
          "filter-unknown", parameter, lines.error(),
          table.name() + " may hold FILTER actions", "mend the table"));
      return;
    }
    for (const PatternLine& line : *lines) action(line.result);
  }

  void Tell(Diagnosis diagnosis) {
    if (told_.insert(diagnosis.code + diagnosis.subject + diagnosis.what)
            .second) {
      found_.push_back(std::move(diagnosis));
    }
  }

  const PostfixConfig& config_;
  PostfixTables& tables_;
  const Settings& settings_;
  std::set<std::string> told_;
  std::vector<Diagnosis> found_;
};

}  // namespace

std::vector<Diagnosis> PostfixFilters(const PostfixConfig& config,
                                      PostfixTables& tables,
                                      const Settings& settings) {
  return Filters(config, tables, settings).All();
}

}  // namespace postern
