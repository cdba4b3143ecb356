#include <collections.pb.h>
#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <qdrant_common.pb.h>

#include <cctype>
#include <charconv>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include "vecferry/wire/message_json_internal.h"

namespace vecferry::wire {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Json = nlohmann::json;

// Distances keep their capital; every other word is small and snaked: OneAndHalfBits is
// one_and_half_bits, Scalar4Bits is scalar4bits.
std::string word_of(const EnumValueDescriptor& value) {
  if (value.type()->name() == "Distance") {
    return value.name();
  }
  std::string word;
  for (const char c : value.name()) {
    const bool upper = std::isupper(static_cast<unsigned char>(c)) != 0;
    if (upper && !word.empty() && std::islower(static_cast<unsigned char>(word.back())) != 0) {
      word.push_back('_');
    }
    word.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  }
  return word;
}

bool says_nothing(const EnumValueDescriptor& value) {
  return value.name().rfind("Unknown", 0) == 0;
}

// A float32 as the shortest decimal, not as the double it widens to.
double shortest(float value) {
  const std::string text = fmt::format("{}", value);
  double result = value;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

// Messages that are nothing but one map, for which REST has the object itself.
const FieldDescriptor* lone_map(const Descriptor* type) {
  return type->field_count() == 1 && type->field(0)->is_map() ? type->field(0) : nullptr;
}

Json value_json(const qdrant::Value& value);

Json struct_json(const google::protobuf::Map<std::string, qdrant::Value>& fields) {
  Json json = Json::object();
  for (const auto& [key, value] : fields) {
    json[key] = value_json(value);
  }
  return json;
}

Json value_json(const qdrant::Value& value) {
  switch (value.kind_case()) {
    case qdrant::Value::kDoubleValue:
      return value.double_value();
    case qdrant::Value::kIntegerValue:
      return value.integer_value();
    case qdrant::Value::kStringValue:
      return value.string_value();
    case qdrant::Value::kBoolValue:
      return value.bool_value();
    case qdrant::Value::kStructValue:
      return struct_json(value.struct_value().fields());
    case qdrant::Value::kListValue: {
      Json list = Json::array();
      for (const auto& item : value.list_value().values()) {
        list.push_back(value_json(item));
      }
      return list;
    }
    default:
      return nullptr;
  }
}

void fill_value(const Json& json, qdrant::Value* value) {
  if (json.is_boolean()) {
    value->set_bool_value(json.get<bool>());
  } else if (json.is_number_float() ||
             (json.is_number_unsigned() &&
              json.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))) {
    value->set_double_value(json.get<double>());
  } else if (json.is_number()) {
    value->set_integer_value(json.get<int64_t>());
  } else if (json.is_string()) {
    value->set_string_value(json.get<std::string>());
  } else if (json.is_array()) {
    auto* list = value->mutable_list_value();
    for (const auto& item : json) {
      fill_value(item, list->add_values());
    }
  } else if (json.is_object()) {
    auto& fields = *value->mutable_struct_value()->mutable_fields();
    for (const auto& item : json.items()) {
      fill_value(item.value(), &fields[item.key()]);
    }
  } else {
    value->set_null_value(qdrant::NULL_VALUE);
  }
}

// "turboquant" of QuantizationConfig is "turbo" in REST.
std::string rest_name(const FieldDescriptor& field) {
  return field.name() == "turboquant" ? "turbo" : field.name();
}

class Printer {
 public:
  Result<Json> message(const Message& message) const {
    const std::string& name = message.GetDescriptor()->name();
    if (name == "Value") {
      return value_json(static_cast<const qdrant::Value&>(message));
    }
    if (name == "VectorsConfig" || name == "VectorsConfigDiff") {
      return vectors(message);
    }
    if (const auto* map = lone_map(message.GetDescriptor())) {
      return field(message, *map);
    }
    if (name == "MaxOptimizationThreads") {
      const auto& threads = static_cast<const qdrant::MaxOptimizationThreads&>(message);
      return threads.has_value() ? Json(threads.value()) : Json("auto");
    }
    if (name == "BinaryQuantizationQueryEncoding") {
      ARROW_ASSIGN_OR_RAISE(const Json fields, plain(message));
      return fields.value("setting", Json("default"));
    }
    if (name == "QuantizationConfigDiff" &&
        static_cast<const qdrant::QuantizationConfigDiff&>(message).has_disabled()) {
      return Json("Disabled");
    }
    if (name == "StemmingAlgorithm") {
      const auto& stemmer = static_cast<const qdrant::StemmingAlgorithm&>(message);
      return stemmer.has_snowball()
                 ? Json{{"type", "snowball"}, {"language", stemmer.snowball().language()}}
                 : Json{{"type", "none"}};
    }
    if (name == "PayloadIndexParams") {
      return index_params(message);
    }
    if (name == "OptimizerStatus") {
      const auto& status = static_cast<const qdrant::OptimizerStatus&>(message);
      return status.ok() ? Json("ok") : Json{{"error", status.error()}};
    }
    return plain(message);
  }

 private:
  Result<Json> plain(const Message& message) const {
    Json json = Json::object();
    const auto* type = message.GetDescriptor();
    const auto* reflection = message.GetReflection();
    for (int i = 0; i < type->field_count(); ++i) {
      const auto& descriptor = *type->field(i);
      if (!is_said(message, *reflection, descriptor)) {
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(Json value, field(message, descriptor));
      if (!value.is_null()) {
        json[rest_name(descriptor)] = std::move(value);
      }
    }
    return json;
  }

  // Numbers without presence are always there; words only when they say something.
  static bool is_said(const Message& message, const Reflection& reflection,
                      const FieldDescriptor& field) {
    if (field.is_repeated()) {
      return reflection.FieldSize(message, &field) > 0;
    }
    return !field.has_presence() || reflection.HasField(message, &field);
  }

  Result<Json> field(const Message& message, const FieldDescriptor& field) const {
    const auto* reflection = message.GetReflection();
    if (field.is_map()) {
      Json json = Json::object();
      for (int i = 0; i < reflection->FieldSize(message, &field); ++i) {
        const auto& entry = reflection->GetRepeatedMessage(message, &field, i);
        const auto* type = entry.GetDescriptor();
        ARROW_ASSIGN_OR_RAISE(Json value, this->field(entry, *type->map_value()));
        json[entry.GetReflection()->GetString(entry, type->map_key())] = std::move(value);
      }
      return json;
    }
    if (field.is_repeated()) {
      Json json = Json::array();
      for (int i = 0; i < reflection->FieldSize(message, &field); ++i) {
        if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
          json.push_back(reflection->GetRepeatedString(message, &field, i));
        } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
          ARROW_ASSIGN_OR_RAISE(Json value,
                                this->message(reflection->GetRepeatedMessage(message, &field, i)));
          json.push_back(std::move(value));
        }
      }
      return json;
    }
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return this->message(reflection->GetMessage(message, &field));
      case FieldDescriptor::CPPTYPE_ENUM:
        return word(message, field);
      case FieldDescriptor::CPPTYPE_STRING:
        return Json(reflection->GetString(message, &field));
      case FieldDescriptor::CPPTYPE_BOOL:
        return Json(reflection->GetBool(message, &field));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return Json(reflection->GetDouble(message, &field));
      case FieldDescriptor::CPPTYPE_FLOAT:
        return Json(shortest(reflection->GetFloat(message, &field)));
      case FieldDescriptor::CPPTYPE_UINT32:
        return Json(reflection->GetUInt32(message, &field));
      case FieldDescriptor::CPPTYPE_UINT64:
        return Json(reflection->GetUInt64(message, &field));
      default:
        return Json();
    }
  }

  static Result<Json> word(const Message& message, const FieldDescriptor& field) {
    const int number = message.GetReflection()->GetEnumValue(message, &field);
    const auto* value = field.enum_type()->FindValueByNumber(number);
    if (value == nullptr) {
      return fail({.kind = ErrorKind::kUsage,
                   .what = fmt::format("Wrong input: {} has no value {}", field.name(), number)});
    }
    return says_nothing(*value) ? Json() : Json(word_of(*value));
  }

  Result<Json> vectors(const Message& message) const {
    ARROW_ASSIGN_OR_RAISE(Json fields, plain(message));
    if (fields.contains("params_map")) {
      return fields["params_map"];
    }
    if (!fields.contains("params")) {
      return Json::object();
    }
    // A change names the unnamed vector; a configuration is it.
    return message.GetDescriptor()->name() == "VectorsConfig" ? fields["params"]
                                                              : Json{{"", fields["params"]}};
  }

  Result<Json> index_params(const Message& message) const {
    ARROW_ASSIGN_OR_RAISE(const Json fields, plain(message));
    for (const auto& item : fields.items()) {  // one: it is a oneof
      Json params = item.value();
      params["type"] = item.key().substr(0, item.key().find('_'));
      return params;
    }
    return Json();
  }
};

class Filler {
 public:
  explicit Filler(std::vector<std::string>* unsaid) : unsaid_(*unsaid) {}

  Status message(const Json& json, const std::string& path, Message* message) {
    const std::string& name = message->GetDescriptor()->name();
    if (name == "Value") {
      fill_value(json, static_cast<qdrant::Value*>(message));
      return Status::OK();
    }
    if (name == "MaxOptimizationThreads") {
      return threads(json, path, static_cast<qdrant::MaxOptimizationThreads*>(message));
    }
    if (name == "BinaryQuantizationQueryEncoding") {
      return fields(Json{{"setting", json}}, path, message);
    }
    if (name == "QuantizationConfigDiff" && json == "Disabled") {
      static_cast<qdrant::QuantizationConfigDiff*>(message)->mutable_disabled();
      return Status::OK();
    }
    if (name == "OptimizerStatus") {
      return optimizer_status(json, static_cast<qdrant::OptimizerStatus*>(message));
    }
    if (name == "StopwordsSet" && json.is_string()) {
      return fields(Json{{"languages", {json}}}, path, message);
    }
    if (!json.is_object()) {
      return wrong(json, path);
    }
    if (name == "VectorsConfig" || name == "VectorsConfigDiff") {
      return vectors(json, path, message);
    }
    if (const auto* map = lone_map(message->GetDescriptor())) {
      return field(json, path, *map, message);
    }
    if (name == "StemmingAlgorithm") {
      return stemmer(json, path, static_cast<qdrant::StemmingAlgorithm*>(message));
    }
    if (name == "PayloadIndexParams") {
      return index_params(json, path, message);
    }
    return fields(json, path, message);
  }

  Status fields(const Json& json, const std::string& path, Message* message) {
    const auto* type = message->GetDescriptor();
    for (const auto& item : json.items()) {
      if (item.value().is_null()) {
        continue;
      }
      const auto* descriptor =
          type->FindFieldByName(item.key() == "turbo" ? "turboquant" : item.key());
      const std::string inner = path.empty() ? item.key() : path + "." + item.key();
      if (descriptor == nullptr) {
        unsaid_.push_back(inner);
        continue;
      }
      ARROW_RETURN_NOT_OK(field(item.value(), inner, *descriptor, message));
    }
    return Status::OK();
  }

 private:
  static Status wrong(const Json& json, const std::string& path) {
    return fail(
        {.kind = ErrorKind::kIncompatible,
         .what = fmt::format("{} is nothing that gRPC can say there", json.dump().substr(0, 100)),
         .where = "setting " + path,
         .next = "send these settings over REST"});
  }

  Status field(const Json& json, const std::string& path, const FieldDescriptor& field,
               Message* message) {
    const auto* reflection = message->GetReflection();
    if (field.is_map()) {
      if (!json.is_object()) {
        return wrong(json, path);
      }
      for (const auto& item : json.items()) {
        auto* entry = reflection->AddMessage(message, &field);
        const auto* type = entry->GetDescriptor();
        entry->GetReflection()->SetString(entry, type->map_key(), item.key());
        ARROW_RETURN_NOT_OK(
            this->field(item.value(), path + "." + item.key(), *type->map_value(), entry));
      }
      return Status::OK();
    }
    if (field.is_repeated()) {
      return repeated(json, path, field, message);
    }
    return scalar(json, path, field, message);
  }

  Status repeated(const Json& json, const std::string& path, const FieldDescriptor& field,
                  Message* message) {
    if (!json.is_array()) {
      return wrong(json, path);
    }
    for (const auto& item : json) {
      if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        ARROW_RETURN_NOT_OK(
            this->message(item, path, message->GetReflection()->AddMessage(message, &field)));
      } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING && item.is_string()) {
        message->GetReflection()->AddString(message, &field, item.get<std::string>());
      } else {
        return wrong(item, path);
      }
    }
    return Status::OK();
  }

  Status scalar(const Json& json, const std::string& path, const FieldDescriptor& field,
                Message* message) {
    const auto* reflection = message->GetReflection();
    const bool whole = json.is_number_unsigned();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return this->message(json, path, reflection->MutableMessage(message, &field));
      case FieldDescriptor::CPPTYPE_ENUM:
        return word(json, path, field, message);
      case FieldDescriptor::CPPTYPE_STRING:
        if (json.is_string()) {
          reflection->SetString(message, &field, json.get<std::string>());
          return Status::OK();
        }
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        if (json.is_boolean()) {
          reflection->SetBool(message, &field, json.get<bool>());
          return Status::OK();
        }
        break;
      case FieldDescriptor::CPPTYPE_DOUBLE:
        if (json.is_number()) {
          reflection->SetDouble(message, &field, json.get<double>());
          return Status::OK();
        }
        break;
      case FieldDescriptor::CPPTYPE_FLOAT:
        if (json.is_number()) {
          reflection->SetFloat(message, &field, static_cast<float>(json.get<double>()));
          return Status::OK();
        }
        break;
      case FieldDescriptor::CPPTYPE_UINT32:
        if (whole && json.get<uint64_t>() <= std::numeric_limits<uint32_t>::max()) {
          reflection->SetUInt32(message, &field, json.get<uint32_t>());
          return Status::OK();
        }
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        if (whole) {
          reflection->SetUInt64(message, &field, json.get<uint64_t>());
          return Status::OK();
        }
        break;
      default:
        break;
    }
    return wrong(json, path);
  }

  static Status word(const Json& json, const std::string& path, const FieldDescriptor& field,
                     Message* message) {
    const auto* type = field.enum_type();
    for (int i = 0; i < type->value_count(); ++i) {
      const auto& value = *type->value(i);
      if (!says_nothing(value) && json == word_of(value)) {
        message->GetReflection()->SetEnum(message, &field, &value);
        return Status::OK();
      }
    }
    return wrong(json, path);
  }

  static Status threads(const Json& json, const std::string& path,
                        qdrant::MaxOptimizationThreads* threads) {
    if (json == "auto") {
      threads->set_setting(qdrant::MaxOptimizationThreads::Auto);
      return Status::OK();
    }
    if (!json.is_number_unsigned()) {
      return wrong(json, path);
    }
    threads->set_value(json.get<uint64_t>());
    return Status::OK();
  }

  static Status optimizer_status(const Json& json, qdrant::OptimizerStatus* status) {
    status->set_ok(json == "ok");
    if (json.is_object() && json.contains("error") && json["error"].is_string()) {
      status->set_error(json["error"].get<std::string>());
    }
    return Status::OK();
  }

  // One vector, or several by name; a change of the unnamed one is under "".
  Status vectors(const Json& json, const std::string& path, Message* message) {
    if (message->GetDescriptor()->name() == "VectorsConfig") {
      const bool one = json.contains("size") && json["size"].is_number();
      return fields(Json{{one ? "params" : "params_map", json}}, path, message);
    }
    const bool one = json.size() == 1 && json.contains("");
    return fields(one ? Json{{"params", json[""]}} : Json{{"params_map", json}}, path, message);
  }

  Status stemmer(const Json& json, const std::string& path, qdrant::StemmingAlgorithm* stemmer) {
    const std::string type = json.value("type", "");
    if (type == "none") {
      stemmer->mutable_disabled();
      return Status::OK();
    }
    if (type != "snowball" || !json.contains("language") || !json["language"].is_string()) {
      return wrong(json, path);
    }
    stemmer->mutable_snowball()->set_language(json["language"].get<std::string>());
    return Status::OK();
  }

  Status index_params(const Json& json, const std::string& path, Message* message) {
    if (!json.contains("type") || !json["type"].is_string()) {
      return wrong(json, path);
    }
    Json params = json;
    params.erase("type");
    const auto* field = message->GetDescriptor()->FindFieldByName(json["type"].get<std::string>() +
                                                                  "_index_params");
    return field == nullptr ? wrong(json, path) : this->field(params, path, *field, message);
  }

  std::vector<std::string>& unsaid_;
};

}  // namespace

Result<Json> json_of(const Message& message) {
  return Printer().message(message);
}

Status fill(const Json& json, Message* message, std::vector<std::string>* unsaid) {
  try {
    return Filler(unsaid).message(json, "", message);
  } catch (const Json::exception& error) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("settings that gRPC cannot say: {}", error.what()),
                 .next = "send these settings over REST"});
  }
}

}  // namespace vecferry::wire
