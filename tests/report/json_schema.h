// A validator for the part of JSON Schema that our schemas use. What it does not know is an error,
// so that no keyword of a schema is skipped in silence.
#pragma once

#include <nlohmann/json.hpp>
#include <regex>
#include <string>

namespace bulkhead::testing_json {

using Json = nlohmann::json;

class Validator {
 public:
  explicit Validator(const Json& schema) : root_(schema) {}

  // "" when valid, else the first thing that is wrong, with its place.
  std::string check(const Json& value) { return check(value, root_, "$"); }

 private:
  std::string check(const Json& value, const Json& schema, const std::string& at) {
    for (const auto& [key, rule] : schema.items()) {
      if (std::string wrong = keyword(value, schema, key, rule, at); !wrong.empty()) return wrong;
    }
    return {};
  }

  static bool is_type(const Json& value, const std::string& type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "integer") return value.is_number_integer();
    if (type == "boolean") return value.is_boolean();
    return false;
  }

  std::string keyword(const Json& value, const Json& schema, const std::string& key,
                      const Json& rule, const std::string& at) {
    if (key == "$schema" || key == "title" || key == "description" || key == "$defs" ||
        key == "default")
      return {};
    if (key == "$ref")
      return check(value, root_.at("$defs").at(rule.get<std::string>().substr(8)), at);
    if (key == "type")
      return is_type(value, rule) ? "" : at + " is not of type " + rule.get<std::string>();
    if (key == "const") return value == rule ? "" : at + " is not " + rule.dump();
    if (key == "enum")
      return std::find(rule.begin(), rule.end(), value) != rule.end()
                 ? ""
                 : at + " may not be " + value.dump();
    if (key == "minimum") return value >= rule ? "" : at + " is too small";
    if (key == "maximum") return value <= rule ? "" : at + " is too large";
    if (key == "pattern")
      return std::regex_search(value.get<std::string>(), std::regex(rule.get<std::string>()))
                 ? ""
                 : at + " has another form";
    if (key == "required") {
      for (const Json& name : rule) {
        if (!value.contains(name)) return at + " lacks " + name.get<std::string>();
      }
      return {};
    }
    if (key == "items") {
      for (std::size_t i = 0; i < value.size(); ++i) {
        if (std::string wrong = check(value[i], rule, at + "[" + std::to_string(i) + "]");
            !wrong.empty())
          return wrong;
      }
      return {};
    }
    if (key == "properties") {
      for (const auto& [name, inner] : value.items()) {
        if (!rule.contains(name)) continue;
        if (std::string wrong = check(inner, rule.at(name), at + "." + name); !wrong.empty())
          return wrong;
      }
      return {};
    }
    if (key == "additionalProperties" && rule == false) {
      for (const auto& [name, inner] : value.items()) {
        if (!schema.at("properties").contains(name))
          return at + " has " + name + ", which the schema does not know";
      }
      return {};
    }
    return "the validator does not know the keyword " + key;
  }

  const Json& root_;
};

}  // namespace bulkhead::testing_json
