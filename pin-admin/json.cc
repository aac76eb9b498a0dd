#include "pin-admin/json.h"

#include <limits>
#include <nlohmann/json.hpp>

namespace postern {
namespace {

using Library = nlohmann::ordered_json;

// A hostile document must not exhaust the stack; ours are a few levels deep.
constexpr int kDeepestDocument = 32;

Library ToLibrary(const Json& json) {
  if (const bool* value = json.boolean()) return *value;
  if (const std::int64_t* value = json.integer()) return *value;
  if (const std::string* value = json.string()) return *value;
  if (const Json::Array* items = json.array()) {
    Library out = Library::array();
    for (const Json& item : *items) out.push_back(ToLibrary(item));
    return out;
  }
  if (const Json::Object* members = json.object()) {
    Library out = Library::object();
    for (const Json::Member& member : *members) {
      out[member.first] = ToLibrary(member.second);
    }
    return out;
  }
  return nullptr;
}

Json FromLibrary(const Library& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_unsigned() &&
      value.get<std::uint64_t>() <=
          static_cast<std::uint64_t>(
              std::numeric_limits<std::int64_t>::max())) {
    return static_cast<std::int64_t>(value.get<std::uint64_t>());
  }
  if (value.is_number_integer() && !value.is_number_unsigned()) {
    return value.get<std::int64_t>();
  }
  if (value.is_number()) return value.dump();
  if (value.is_array()) {
    Json out = Json::MakeArray();
    for (const Library& item : value) out.Add(FromLibrary(item));
    return out;
  }
  if (value.is_object()) {
    Json out = Json::MakeObject();
    for (const auto& [name, item] : value.items())
      out.Set(name, FromLibrary(item));
    return out;
  }
  return {};
}

std::string DumpWith(const Json& json, int indent) {
  return ToLibrary(json).dump(indent, ' ', false,
                              Library::error_handler_t::replace);
}

}  // namespace

Json& Json::Set(std::string_view name, Json value) {
  if (!object()) value_ = Object{};
  Object& members = std::get<Object>(value_);
  for (Member& member : members) {
    if (member.first == name) {
      member.second = std::move(value);
      return *this;
    }
  }
  members.emplace_back(std::string(name), std::move(value));
  return *this;
}

Json& Json::Add(Json value) {
  if (!array()) value_ = Array{};
  std::get<Array>(value_).push_back(std::move(value));
  return *this;
}

const Json& Json::operator[](std::string_view name) const {
  static const Json null;
  if (const Object* members = object()) {
    for (const Member& member : *members) {
      if (member.first == name) return member.second;
    }
  }
  return null;
}

const Json::Array& Json::items() const {
  static const Array none;
  const Array* items = array();
  return items != nullptr ? *items : none;
}

std::string_view Json::text() const {
  const std::string* value = string();
  return value ? std::string_view(*value) : std::string_view();
}

std::size_t Json::size() const {
  if (const Array* items = array()) return items->size();
  if (const Object* members = object()) return members->size();
  return 0;
}

std::string Json::Dump() const { return DumpWith(*this, -1); }
std::string Json::DumpPretty() const { return DumpWith(*this, 2); }

Result<Json> Json::Parse(std::string_view text) {
  try {
    bool too_deep = false;
    const Library::parser_callback_t bound =
        [&too_deep](int depth, Library::parse_event_t, Library&) {
          if (depth > kDeepestDocument) too_deep = true;
          return depth <= kDeepestDocument;
        };
    const Library value = Library::parse(text, bound);
    if (too_deep) {
      return Error(Reason::kRequestInvalid, "JSON is nested too deeply");
    }
    return FromLibrary(value);
  } catch (const Library::exception& error) {
    return Error(Reason::kRequestInvalid, error.what());
  }
}

}  // namespace postern
