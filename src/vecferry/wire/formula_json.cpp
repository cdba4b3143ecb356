#include <points.pb.h>

#include <utility>

#include "vecferry/wire/formula_json_internal.h"
#include "vecferry/wire/message_parts_internal.h"

namespace vecferry::wire {
namespace {

using Json = nlohmann::json;
using qdrant::Expression;

Result<Json> expression_json(const Expression& expression);

Result<Json> of_one(const char* name, const Expression& inner) {
  Json json;
  ARROW_ASSIGN_OR_RAISE(json[name], expression_json(inner));
  return json;
}

Result<Json> of_many(const char* name,
                     const google::protobuf::RepeatedPtrField<Expression>& inner) {
  Json json = {{name, Json::array()}};
  for (const auto& item : inner) {
    ARROW_ASSIGN_OR_RAISE(Json value, expression_json(item));
    json[name].push_back(std::move(value));
  }
  return json;
}

Result<Json> division(const qdrant::DivExpression& division) {
  Json json;
  ARROW_ASSIGN_OR_RAISE(json["div"]["left"], expression_json(division.left()));
  ARROW_ASSIGN_OR_RAISE(json["div"]["right"], expression_json(division.right()));
  if (division.has_by_zero_default()) {
    json["div"]["by_zero_default"] = static_cast<double>(division.by_zero_default());
  }
  return json;
}

Result<Json> power(const qdrant::PowExpression& power) {
  Json json;
  ARROW_ASSIGN_OR_RAISE(json["pow"]["base"], expression_json(power.base()));
  ARROW_ASSIGN_OR_RAISE(json["pow"]["exponent"], expression_json(power.exponent()));
  return json;
}

Result<Json> decay(const char* name, const qdrant::DecayParamsExpression& decay) {
  Json json;
  ARROW_ASSIGN_OR_RAISE(json[name]["x"], expression_json(decay.x()));
  if (decay.has_target()) {
    ARROW_ASSIGN_OR_RAISE(json[name]["target"], expression_json(decay.target()));
  }
  if (decay.has_scale()) {
    json[name]["scale"] = static_cast<double>(decay.scale());
  }
  if (decay.has_midpoint()) {
    json[name]["midpoint"] = static_cast<double>(decay.midpoint());
  }
  return json;
}

Result<Json> condition(const qdrant::Condition& condition) {
  qdrant::Filter filter;
  *filter.add_must() = condition;
  ARROW_ASSIGN_OR_RAISE(const Json json, filter_json(filter));
  return json.at("must").at(0);
}

Json distance(const qdrant::GeoDistance& distance) {
  return Json{{"geo_distance",
               {{"origin", {{"lon", distance.origin().lon()}, {"lat", distance.origin().lat()}}},
                {"to", distance.to()}}}};
}

Result<Json> expression_json(const Expression& expression) {
  switch (expression.variant_case()) {
    case Expression::kConstant:
      return static_cast<double>(expression.constant());
    case Expression::kVariable:
      return expression.variable();
    case Expression::kCondition:
      return condition(expression.condition());
    case Expression::kGeoDistance:
      return distance(expression.geo_distance());
    case Expression::kDatetime:
      return Json{{"datetime", expression.datetime()}};
    case Expression::kDatetimeKey:
      return Json{{"datetime_key", expression.datetime_key()}};
    case Expression::kMult:
      return of_many("mult", expression.mult().mult());
    case Expression::kSum:
      return of_many("sum", expression.sum().sum());
    case Expression::kDiv:
      return division(expression.div());
    case Expression::kNeg:
      return of_one("neg", expression.neg());
    case Expression::kAbs:
      return of_one("abs", expression.abs());
    case Expression::kSqrt:
      return of_one("sqrt", expression.sqrt());
    case Expression::kPow:
      return power(expression.pow());
    case Expression::kExp:
      return of_one("exp", expression.exp());
    case Expression::kLog10:
      return of_one("log10", expression.log10());
    case Expression::kLn:
      return of_one("ln", expression.ln());
    case Expression::kExpDecay:
      return decay("exp_decay", expression.exp_decay());
    case Expression::kGaussDecay:
      return decay("gauss_decay", expression.gauss_decay());
    case Expression::kLinDecay:
      return decay("lin_decay", expression.lin_decay());
    case Expression::VARIANT_NOT_SET:
      break;
  }
  return refuse_message("Unable to convert expression, variant is missing");
}

}  // namespace

Result<Json> formula_json(const qdrant::Formula& formula) {
  if (!formula.has_expression()) {
    return refuse_message("Formula expression is missing");
  }
  Json json;
  ARROW_ASSIGN_OR_RAISE(json["formula"], expression_json(formula.expression()));
  ARROW_ASSIGN_OR_RAISE(json["defaults"], payload_json(formula.defaults()));
  return json;
}

}  // namespace vecferry::wire
