// pin-admin/doctor/postfix_route.h
//
// Which transport Postfix chooses for a domain: trivial-rewrite(8)'s rules,
// with every recipient and sender for whom they differ. The lab compares this
// with what a real trivial-rewrite answers.
//
//   address class   mydestination, virtual_*_domains, relay_domains, else
//   default by the sender   sender_dependent_default_transport_maps,
//   …_relayhost_maps transport_maps  user@domain, domain, .parent (or parent),
//   *   overrides all
#pragma once

#include <string>
#include <vector>

#include "core/outcome/result.h"
#include "pin-admin/doctor/postfix_config.h"
#include "pin-admin/doctor/postfix_tables.h"

namespace postern {

struct PostfixRoute {
  std::string transport, next_hop;
  std::string parameter;  // "transport_maps": what decided
  std::string because;    // "hash:/etc/postfix/transport has 'x.example smtp:'"
  // "recipient bob@x.example", "sender ceo@y.example"; empty: everybody.
  std::string only_for;
  bool stays_here = false;  // a local or virtual domain's own delivery
  bool certain = true;      // false: a pattern whose matches can't be told
};

// Mail for whom can't be told: the table can't be listed.
struct OpenQuestion {
  std::string parameter, table, what;
};

struct PostfixRoutes {
  std::vector<PostfixRoute> routes;
  std::vector<OpenQuestion> open;
  bool final = false;  // transport_maps is not asked (virtual aliases)
};

class PostfixRouter {
 public:
  // Both must outlive it. Opens every table that a route may depend on; an
  // Error names the parameter whose table can't be read.
  static Result<PostfixRouter> Make(const PostfixConfig& config,
                                    PostfixTables& tables);

  // Asks tables that can't be listed for many domains at once.
  Status Prepare(const std::vector<std::string>& domains);
  Result<PostfixRoutes> Routes(const std::string& domain);

  // Domains, and parents (".x"), that any table or list speaks of.
  std::vector<std::string> NamesMentioned() const;

 private:
  // One item of a domain list such as relay_domains.
  struct ListItem {
    bool negated = false;
    std::string name;               // a literal …
    PostfixTable* table = nullptr;  // … or a table
  };
  struct DomainList {
    std::vector<ListItem> items;
    bool parents = false;  // "example.org" also stands for what is below it
  };

  PostfixRouter(const PostfixConfig& config, PostfixTables& tables)
      : config_(config), tables_(tables) {}
  std::string Value(std::string_view name) const;
  Status OpenMaps(std::string_view name, std::vector<PostfixTable*>& maps);
  Status OpenList(std::string_view name, DomainList& list);
  Status AddItem(std::string_view name, std::string item, int depth,
                 DomainList& list);
  Result<bool> Matches(const DomainList& list, const std::string& domain);
  Result<PostfixRoutes> ByClass(const std::string& domain);
  Status AddBySender(const std::string& domain, bool default_class,
                     PostfixRoutes& routes);
  Result<PostfixRoutes> Overridden(PostfixRoutes routes,
                                   const std::string& domain);
  void AddPatternLines(const std::string& domain, PostfixTable& table,
                       const PostfixRoutes& base, PostfixRoutes& result) const;
  std::vector<std::string> DomainKeys(const std::string& domain) const;

  const PostfixConfig& config_;
  PostfixTables& tables_;
  DomainList local_, alias_, mailbox_, relay_;
  std::vector<PostfixTable*> transport_, by_sender_, relayhost_by_sender_;
  bool transport_parents_ = false;
};

}  // namespace postern
