// pin-admin/json.h
//
// Json: a document to print or one that was read. Members keep the order in
// which they were set, so that output is stable. A value; copies are deep.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/outcome/result.h"

namespace postern {

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;                                 // null
  Json(bool value) : value_(value) {}               // NOLINT
  Json(int value) : value_(std::int64_t{value}) {}  // NOLINT
  Json(std::int64_t value) : value_(value) {}       // NOLINT
  Json(std::uint64_t value)                         // NOLINT
      : value_(static_cast<std::int64_t>(value)) {}
  Json(std::string value) : value_(std::move(value)) {}         // NOLINT
  Json(std::string_view value) : value_(std::string(value)) {}  // NOLINT
  Json(const char* value) : value_(std::string(value)) {}       // NOLINT
  static Json MakeArray() { return Json(Value(Array{})); }
  static Json MakeObject() { return Json(Value(Object{})); }

  // Objects: replaces a member of the same name. A null becomes an object.
  Json& Set(std::string_view name, Json value);
  // Arrays: appends. A null becomes an array.
  Json& Add(Json value);

  bool is_null() const {
    return std::holds_alternative<std::monostate>(value_);
  }
  const bool* boolean() const { return std::get_if<bool>(&value_); }
  const std::int64_t* integer() const {
    return std::get_if<std::int64_t>(&value_);
  }
  const std::string* string() const {
    return std::get_if<std::string>(&value_);
  }
  const Array* array() const { return std::get_if<Array>(&value_); }
  const Object* object() const { return std::get_if<Object>(&value_); }

  // The member, or a null where there is none or this is no object.
  const Json& operator[](std::string_view name) const;
  // An array's items; none for what is no array.
  const Array& items() const;
  // The string, or nothing for what is no string.
  std::string_view text() const;
  // Items of an array, members of an object; 0 otherwise.
  std::size_t size() const;

  // One line. Octets that are not UTF-8 come out as U+FFFD, never as an error.
  std::string Dump() const;
  std::string DumpPretty() const;
  // Reason::kRequestInvalid with what is wrong and where. Numbers other than
  // 64-bit integers are kept as their text.
  static Result<Json> Parse(std::string_view text);

 private:
  using Value = std::variant<std::monostate, bool, std::int64_t, std::string,
                             Array, Object>;
  explicit Json(Value value) : value_(std::move(value)) {}
  Value value_;
};

}  // namespace postern
