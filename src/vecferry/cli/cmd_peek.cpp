#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "vecferry/cli/context.h"
#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/options.h"
#include "vecferry/cli/places.h"
#include "vecferry/ops/peek.h"

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kTextWidth = 100;

struct PeekWords {
  std::string location{};
  std::string where{};
  std::string near{};
  std::string using_vector{};
  uint64_t limit = 10;
  bool with_vectors = false;
};

// The first characters of a text on one line, never a part of a UTF-8 sequence.
std::string shortened(std::string text) {
  for (auto& c : text) {
    c = c == '\n' || c == '\t' || c == '\r' ? ' ' : c;
  }
  if (text.size() <= kTextWidth) {
    return text;
  }
  size_t end = kTextWidth;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
    --end;
  }
  return text.substr(0, end) + "…";
}

std::string point_text(const Json& point, bool with_vectors) {
  std::string text = point["id"].is_string() ? point["id"].get<std::string>() : point["id"].dump();
  if (point.contains("score") && point["score"].is_number()) {
    text += fmt::format("  {:.4f}", point["score"].get<double>());
  }
  const Json& payload = point["payload"];
  const auto content = payload.find("content");
  text += "  " + shortened(content != payload.end() && content->is_string()
                               ? content->get<std::string>()
                               : payload.dump(-1, ' ', false, Json::error_handler_t::replace));
  if (with_vectors) {
    for (const auto& [name, vector] : point["vectors"].items()) {
      text += fmt::format("\n    {} {}", name.empty() ? "vector" : name, shortened(vector.dump()));
    }
  }
  return text + "\n";
}

Result<int> run_peek(const Context& context, const Output& output, const PeekWords& words) {
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  ARROW_ASSIGN_OR_RAISE(const auto opened,
                        open_location(names, words.location, {.stop = context.stop}));
  Source source{.backend = opened.backend.get(), .collection = opened.collection};
  PeekOptions options{.limit = words.limit, .with_vectors = words.with_vectors};
  if (!words.where.empty()) {
    ARROW_ASSIGN_OR_RAISE(source.filter, Filter::parse(words.where));
  }
  if (!words.using_vector.empty()) {
    options.using_vector = words.using_vector;
  }
  if (!words.near.empty()) {
    options.near = parse_point_id(words.near);
    if (!options.near) {
      return fail(
          {.kind = ErrorKind::kUsage,
           .what = fmt::format("'{}' is not an id", words.near),
           .next = "an id is a number or a UUID; `vecferry peek` without --near shows some"});
    }
  }
  const auto points = peek(source, options, context.stop);
  if (!points.ok()) {
    return with_nearest_name(points.status(), *opened.backend, opened.collection, context.stop);
  }
  std::string text;
  for (const auto& point : *points) {
    text += point_text(point, words.with_vectors);
  }
  output.text(text);
  output.line({{"type", "result"}, {"verb", "peek"}, {"points", *points}});
  return kExitDone;
}

}  // namespace

void add_peek(CLI::App& app, Context& context) {
  auto words = std::make_shared<PeekWords>();
  auto* verb = app.add_subcommand("peek", "Look at some points, or at those nearest to one")
                   ->footer("Neighbours are exact: every point is compared.");
  verb->add_option("LOC", words->location, "A location or a file")->required();
  verb->add_option("--limit", words->limit, "How many")->type_name("N")->capture_default_str();
  verb->add_option("--where", words->where, "Only points that match")->type_name("FILTER");
  verb->add_option("--near", words->near, "The points most like this one, best first")
      ->type_name("ID");
  verb->add_option("--using", words->using_vector, "The vector to compare by")->type_name("NAME");
  verb->add_flag("--vectors", words->with_vectors, "Show the vectors too");
  verb->callback([&context, words] {
    context.run = [&context, words](const Output& output) {
      return run_peek(context, output, *words);
    };
  });
}

}  // namespace vecferry
