// core/store/author_change.h
//
// One set of changes in the making: what was written, and what stood there
// before. For this room only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/store/author_file.h"

namespace postern {

class ChangeSet {
 public:
  ChangeSet(AuthorFile& file, const Author& author)
      : file_(file), author_(author) {}

  // Carries out one change. Refuses (kPolicyInvalid) what makes no sense by
  // itself; what makes none together is CheckRules()'s business.
  Status Make(const Change& change);

  // Everything written, with the text that stood there at first.
  const std::map<ObjectName, std::string>& before() const { return before_; }

 private:
  Status Do(const SetLine& change);
  Status Do(const RemoveLine& change);
  Status Do(const EndException& change);
  Status Do(const AddPin& change);
  Status Do(const RemovePin& change);
  Status Do(const PromotePin& change);
  Status Do(const AddAnchor& change);
  Status Do(const RemoveAnchor& change);
  Status Write(const ObjectName& name, std::string_view text);
  // Who added a pin or an anchor: who says so already, else the author.
  Status Credit(std::string& who, TimePoint& when) const;
  // The pin's text; an Error where there is none.
  Result<std::string> PinText(const PinId& id);

  AuthorFile& file_;
  const Author& author_;
  std::map<ObjectName, std::string> before_;
};

}  // namespace postern
