#include "pin-admin/doctor/postfix_route.h"

#include <strings.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>
#include <utility>

#include "core/names/quoted.h"
#include "pin-admin/doctor/pattern_table.h"
#include "pin-admin/read_file.h"

namespace postern {
namespace {

constexpr char kRewrite[] = "rewrite/unix";
// No mailbox is called so; asked of tables that can't be listed.
constexpr std::string_view kSampleUser = "postern-doctor";

Error About(std::string_view parameter, const Error& error) {
  return {error.reason(), std::string(parameter) + ": " + error.detail()};
}

// "transport:nexthop" as transport(5) has it: a hop that is there counts, an
// empty transport leaves the one before.
void Override(const std::string& value, const std::string& domain,
              PostfixRoute& route) {
  const std::size_t colon = value.find(':');
  const std::string transport = value.substr(0, colon);
  const std::string hop =
      colon == std::string::npos ? "" : value.substr(colon + 1);
  if (!transport.empty()) {
    route.transport = transport;
    route.next_hop = domain;
    route.stays_here = false;
  }
  if (!hop.empty()) route.next_hop = hop;
}

std::string Because(const PostfixTable& table, const std::string& key,
                    const std::string& value) {
  return table.name() + " has '" + key + " " + value + "'";
}

// A route as main.cf's "transport[:nexthop]" makes it.
PostfixRoute FromParameter(const PostfixConfig& config,
                           const std::string& parameter,
                           const std::string& next_hop) {
  const std::string value = config.Get(kRewrite, parameter);
  PostfixRoute route;
  const std::size_t colon = value.find(':');
  route.transport = value.substr(0, colon);
  route.next_hop = next_hop;
  if (colon != std::string::npos && colon + 1 < value.size()) {
    route.next_hop = value.substr(colon + 1);
  }
  route.parameter = parameter;
  route.because = parameter + " = " + value;
  return route;
}

// Those of a listed table's keys that are addresses of the domain.
std::vector<std::string> AddressesIn(const PostfixTable& table,
                                     const std::string& domain) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : table.entries()) {
    if (key.size() > domain.size() + 1 && key.ends_with("@" + domain)) {
      keys.push_back(key);
    }
  }
  return keys;
}

}  // namespace

std::string PostfixRouter::Value(std::string_view name) const {
  return config_.Get(kRewrite, name);
}

Result<PostfixRouter> PostfixRouter::Make(const PostfixConfig& config,
                                          PostfixTables& tables) {
  PostfixRouter router(config, tables);
  for (const auto& [name, list] :
       {std::pair("mydestination", &router.local_),
        std::pair("virtual_alias_domains", &router.alias_),
        std::pair("virtual_mailbox_domains", &router.mailbox_),
        std::pair("relay_domains", &router.relay_)}) {
    const Status opened = router.OpenList(name, *list);
    if (!opened) return About(name, opened.error());
  }
  for (const auto& [name, maps] :
       {std::pair("transport_maps", &router.transport_),
        std::pair("sender_dependent_default_transport_maps",
                  &router.by_sender_),
        std::pair("sender_dependent_relayhost_maps",
                  &router.relayhost_by_sender_)}) {
    const Status opened = router.OpenMaps(name, *maps);
    if (!opened) return About(name, opened.error());
  }
  // Only these two lists heed it here; the others are compared as strings.
  for (const std::string& name :
       SplitPostfixList(router.Value("parent_domain_matches_subdomains"))) {
    if (name == "transport_maps") router.transport_parents_ = true;
    if (name == "relay_domains") router.relay_.parents = true;
  }
  return router;
}

Status PostfixRouter::OpenMaps(std::string_view name,
                               std::vector<PostfixTable*>& maps) {
  auto opened = tables_.Open(Value(name));
  if (!opened) return opened.error();
  maps = *std::move(opened);
  return {};
}

Result<PostfixRoutes> PostfixRouter::ByClass(const std::string& domain) {
  PostfixRoutes routes;
  const Result<bool> local = Matches(local_, domain);
  if (!local) return About("mydestination", local.error());
  if (*local) {
    routes.routes = {FromParameter(config_, "local_transport", domain)};
    routes.routes[0].stays_here = true;
    return routes;
  }
  const Result<bool> alias = Matches(alias_, domain);
  if (!alias) return About("virtual_alias_domains", alias.error());
  if (*alias) {
    PostfixRoute unknown;
    unknown.transport = "error";
    unknown.parameter = "virtual_alias_domains";
    unknown.because = "virtual_alias_domains names it";
    unknown.stays_here = true;
    routes.routes = {unknown};
    routes.final = true;
    return routes;
  }
  const Result<bool> mailbox = Matches(mailbox_, domain);
  if (!mailbox) return About("virtual_mailbox_domains", mailbox.error());
  if (*mailbox) {
    routes.routes = {FromParameter(config_, "virtual_transport", domain)};
    routes.routes[0].stays_here = true;
    return routes;
  }
  const Result<bool> relay = Matches(relay_, domain);
  if (!relay) return About("relay_domains", relay.error());
  const std::string host = Value("relayhost");
  routes.routes = {
      FromParameter(config_, *relay ? "relay_transport" : "default_transport",
                    host.empty() ? domain : host)};
  const Status added = AddBySender(domain, !*relay, routes);
  if (!added) return added.error();
  return routes;
}

// Senders that have a transport or a relay host of their own.
Status PostfixRouter::AddBySender(const std::string& domain, bool default_class,
                                  PostfixRoutes& routes) {
  const PostfixRoute everybody = routes.routes.front();
  const auto add = [&](const std::vector<PostfixTable*>& tables,
                       const std::string& parameter, const auto& change) {
    for (const PostfixTable* table : tables) {
      if (!table->listed()) {
        routes.open.push_back(
            {parameter, table->name(),
             "it can't be listed, so what it says of some sender is open"});
        continue;
      }
      for (const auto& [key, value] : table->entries()) {
        if (value.empty() || strcasecmp(value.c_str(), "DUNNO") == 0) continue;
        PostfixRoute route = everybody;
        change(value, route);
        route.parameter = parameter;
        route.because = Because(*table, key, value);
        route.only_for = "sender " + key;
        routes.routes.push_back(std::move(route));
      }
    }
  };
  if (default_class) {
    add(by_sender_, "sender_dependent_default_transport_maps",
        [&](const std::string& value, PostfixRoute& route) {
          // Without a hop of its own the relay host stays, unlike in
          // transport_maps.
          const std::size_t colon = value.find(':');
          route.transport = value.substr(0, colon);
          const std::string host = Value("relayhost");
          route.next_hop = host.empty() ? domain : host;
          if (colon != std::string::npos && colon + 1 < value.size()) {
            route.next_hop = value.substr(colon + 1);
          }
        });
  }
  add(relayhost_by_sender_, "sender_dependent_relayhost_maps",
      [](const std::string& value, PostfixRoute& route) {
        route.next_hop = value;
      });
  return {};
}

std::vector<std::string> PostfixRouter::DomainKeys(
    const std::string& domain) const {
  std::vector<std::string> keys;
  std::string key = domain;
  for (;;) {
    keys.push_back(key);
    const std::size_t dot = key.find('.', 1);
    if (dot == std::string::npos) break;
    key = key.substr(transport_parents_ ? dot + 1 : dot);
  }
  return keys;
}

// transport_maps has the last word, for each address on its own.
Result<PostfixRoutes> PostfixRouter::Overridden(PostfixRoutes base,
                                                const std::string& domain) {
  PostfixRoutes result;
  result.open = base.open;
  const auto apply = [&](const std::string& value, const std::string& because,
                         const std::string& only_for) {
    for (PostfixRoute route : base.routes) {
      const std::string before = route.transport;
      Override(value, domain, route);
      if (!value.empty() && value[0] != ':') {
        // The sender no longer matters.
        route.only_for.clear();
      }
      if (route.transport != before || value != ":") {
        route.parameter = "transport_maps";
        route.because = because;
      }
      if (!only_for.empty()) route.only_for = only_for;
      result.routes.push_back(std::move(route));
      if (!value.empty() && value[0] != ':') return;
    }
  };
  const std::string sample = std::string(kSampleUser) + "@" + domain;
  for (PostfixTable* table : transport_) {
    if (!table->listed()) {
      AddPatternLines(domain, *table, base, result);
      continue;
    }
    for (const std::string& key : AddressesIn(*table, domain)) {
      apply(table->entries().at(key),
            Because(*table, key, table->entries().at(key)), "recipient " + key);
    }
  }
  auto found = tables_.Find(transport_, sample, false);
  if (!found) return About("transport_maps", found.error());
  std::string key = sample;
  if (!*found) {
    std::vector<std::string> keys = DomainKeys(domain);
    keys.emplace_back("*");
    for (const std::string& next : keys) {
      found = tables_.Find(transport_, next, true);
      if (!found) return About("transport_maps", found.error());
      key = next;
      if (*found) break;
    }
  }
  if (!*found) {
    result.routes.insert(result.routes.begin(), base.routes.begin(),
                         base.routes.end());
    return result;
  }
  std::string where = Value("transport_maps");
  for (const PostfixTable* table : transport_) {
    const PostfixTable::Entries& entries =
        table->listed() ? table->entries() : table->answers();
    const auto entry = entries.find(key);
    if (entry != entries.end() && entry->second == **found) {
      where = table->name();
      break;
    }
  }
  apply(**found, where + " has '" + key + " " + **found + "'", "");
  return result;
}

// A table of patterns decides address by address. Its file can be read: lines
// bound to other domains can't matter, and the rest is listed as routes of
// "some recipients". Any other such table (SQL, LDAP) leaves a question open.
void PostfixRouter::AddPatternLines(const std::string& domain,
                                    PostfixTable& table,
                                    const PostfixRoutes& base,
                                    PostfixRoutes& result) const {
  const auto open = [&](const std::string& what) {
    result.open.push_back({"transport_maps", table.name(), what});
  };
  const std::size_t colon = table.name().find(':');
  const std::string type = table.name().substr(0, colon);
  if (type == "static") return;  // the sample's answer is everybody's
  if (type != "regexp" && type != "pcre") {
    return open(
        "it can't be listed, so what it says of some recipient is open");
  }
  const Result<std::string> text =
      ReadInputFile(table.name().substr(colon + 1));
  if (!text) return open(text.error().detail());
  const auto lines = ParsePatternTable(*text);
  if (!lines) return open(lines.error().detail());
  for (const PatternLine& line : *lines) {
    const std::optional<std::string> bound = DomainOfPattern(line.pattern);
    if (bound && *bound != domain) continue;
    PostfixRoute route = base.routes.front();
    Override(line.result, domain, route);
    route.parameter = "transport_maps";
    route.because = "line " + std::to_string(line.number) + " of " +
                    table.name() + " gives '" + line.result + "'";
    route.only_for = "recipients that its pattern matches";
    // An earlier line may match them first.
    route.certain = false;
    const bool everybody =
        !line.conditional && MatchesAll(line.pattern, domain);
    if (!everybody) result.routes.push_back(std::move(route));
    if (everybody) return;  // the sample's answer; nothing after it counts
  }
}

Status PostfixRouter::Prepare(const std::vector<std::string>& domains) {
  std::vector<std::string> full, partial{"*"};
  for (const std::string& domain : domains) {
    full.push_back(std::string(kSampleUser) + "@" + domain);
    const std::vector<std::string> keys = DomainKeys(domain);
    partial.insert(partial.end(), keys.begin(), keys.end());
  }
  for (PostfixTable* table : transport_) {
    Status done = tables_.Prepare({table}, full);
    if (done && !table->IsPattern()) done = tables_.Prepare({table}, partial);
    if (!done) return About("transport_maps", done.error());
  }
  for (const DomainList* list : {&local_, &alias_, &mailbox_, &relay_}) {
    for (const ListItem& item : list->items) {
      if (item.table == nullptr) continue;
      const Status done = tables_.Prepare({item.table}, domains);
      if (!done) return done;
    }
  }
  return {};
}

Result<PostfixRoutes> PostfixRouter::Routes(const std::string& domain) {
  Result<PostfixRoutes> base = ByClass(domain);
  if (!base || base->final) return base;
  return Overridden(*std::move(base), domain);
}

std::vector<std::string> PostfixRouter::NamesMentioned() const {
  std::set<std::string> names;
  const auto add = [&names](std::string key) {
    const std::size_t at = key.rfind('@');
    if (at != std::string::npos) key = key.substr(at + 1);
    const bool name = key.find('.') != std::string::npos && key.size() > 1 &&
                      key.find_first_of("[]<>*/:") == std::string::npos;
    if (name) names.insert(std::move(key));
  };
  for (const PostfixTable* table : transport_) {
    for (const auto& [key, value] : table->entries()) {
      add(key);
      // With parent_domain_matches_subdomains, "x" is about ".x" as well.
      if (transport_parents_ && key.find('@') == std::string::npos &&
          !key.starts_with('.')) {
        add("." + key);
      }
    }
  }
  for (const DomainList* list : {&local_, &alias_, &mailbox_, &relay_}) {
    for (const ListItem& item : list->items) {
      if (!item.name.empty()) add(item.name);
      if (!item.name.empty() && list->parents && item.name[0] != '.') {
        add("." + item.name);
      }
      if (item.table == nullptr) continue;
      for (const auto& [key, value] : item.table->entries()) add(key);
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace postern
