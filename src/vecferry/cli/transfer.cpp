#include "vecferry/cli/transfer.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/operate.h"
#include "vecferry/ops/endpoint.h"
#include "vecferry/ops/reembed_estimate.h"

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

std::string plan_text(const CopyPlan& plan, const std::vector<std::string>& reading_notes) {
  const auto& request = plan.request;
  std::string text =
      fmt::format("{} {} -> {}\n", request.verb, request.source.label, request.target.label);
  text += fmt::format("  points    {}\n", plan.expected_points
                                              ? format_count(*plan.expected_points)
                                              : std::string("known once they are read"));
  text +=
      fmt::format("  route     {}{}\n", to_string(plan.route.route),
                  request.follow_up > 0 ? ", then follow the source until it is quiet, and compare"
                  : request.verify      ? ", then read back and compare"
                                        : ", not verified");
  if (!plan.route.reason.empty()) {
    text += fmt::format("  because   {}\n", plan.route.reason);
  }
  text += bullets("or", to_lines(plan.route));
  text += fmt::format("  writes    {}{}\n", request.target.label,
                      plan.create ? " (new)" : " (exists: points are added or replaced)");
  text += bullets("changes", plan.transforms);
  text += bullets("loses", plan.losses);
  text += bullets("note", plan.notes);
  text += bullets("note", reading_notes);
  text += plan.create ? "  way back  the source is not touched; remove the target\n"
                      : "  way back  none by itself: replaced points are gone; export the target "
                        "first\n";
  return text;
}

std::string receipt_text(const Receipt& receipt) {
  const double megabytes = static_cast<double>(receipt.bytes) / 1e6;
  std::string text = fmt::format("{} points from {} to {}\n", format_count(receipt.digest.count),
                                 receipt.source, receipt.target);
  text += receipt.verified ? fmt::format("  verified  read back and equal, digest {}\n",
                                         to_hex(receipt.digest.sum))
                           : fmt::format("  verified  no; digest of what was written {}\n",
                                         to_hex(receipt.digest.sum));
  for (const auto& [name, count] : receipt.counts) {
    if (count > 0) {
      text += fmt::format("  counted   {}: {} points\n", name, format_count(count));
    }
  }
  text += bullets("changed", receipt.transforms);
  text += bullets("lost", receipt.losses);
  text += bullets("note", receipt.notes);
  text += fmt::format("  route     {}\n", receipt.route);
  text += fmt::format("  took      {} (copy {}, verify {})", format_seconds(receipt.seconds()),
                      format_seconds(receipt.copy_seconds), format_seconds(receipt.verify_seconds));
  if (receipt.bytes > 0) {
    text += ", " + format_bytes(receipt.bytes);
    if (receipt.copy_seconds > 0.05) {
      text += fmt::format(" at {:.0f} MB/s", megabytes / receipt.copy_seconds);
    }
  }
  text += '\n';
  return text;
}

Json result_json(const Receipt& receipt) {
  const Json full = to_json(receipt);
  Json result = {{"type", "result"}};
  for (const char* key : {"verb", "source", "target", "points", "verified", "digest",
                          "floats_rounded", "route", "seconds", "bytes"}) {
    result[key] = full[key];
  }
  result["receipt"] = full;
  return result;
}

Json dry_run_json(const CopyPlan& plan) {
  const auto& request = plan.request;
  return {{"type", "result"},
          {"verb", request.verb},
          {"source", request.source.label},
          {"target", request.target.label},
          {"points", 0},
          {"verified", false},
          {"digest", ""},
          {"floats_rounded", 0},
          {"route", to_string(plan.route.route)},
          {"seconds", 0.0},
          {"bytes", 0},
          {"receipt", Json::object()},
          {"dry_run", true}};
}

// What a file that is written may declare before its first point: only what is certain.
std::optional<uint64_t> certain_points(const OpenedLocation& source, const Selection& selection,
                                       const StopToken& stop) {
  if (selection.filter != nullptr || selection.limit) {
    return std::nullopt;
  }
  return known_points(*source.backend, source.collection, stop);
}

// Looks at some texts, and asks for a first few vectors.
Status add_reembed_estimate(CopyPlan& plan, std::optional<double> price, Json* plan_json,
                            std::string* shown_plan, const StopToken& stop) {
  const auto& reembedding = plan.request.selection.reembed;
  if (reembedding == nullptr) {
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto estimate, estimate_reembedding(plan.points, plan.expected_points,
                                                                  *reembedding, price, stop));
  plan.points.batch_bytes = estimate.batch_bytes;
  (*plan_json)["reembed"] = to_json(estimate);
  *shown_plan += bullets("embeds", to_lines(estimate));
  return Status::OK();
}

}  // namespace

void add_transfer_options(CLI::App& verb, TransferOptions& options) {
  add_selection(verb, options.selection, SelectionScope::kTransfer);
  verb.add_flag("--into-existing", options.into_existing,
                "Write into a collection that exists: its points stay, equal ids are replaced");
  verb.add_flag("--index", options.target.build_index,
                "Build the vector index of a local target now, not when it is first needed");
  verb.add_flag("--no-verify", options.no_verify,
                "Do not read the target back (the receipt says so)");
  verb.add_flag("--strict-floats", options.strict_floats,
                "Fail when the target would round a float in a payload");
  verb.add_option("--distance", options.distance,
                  "Distance for a file that does not say: Cosine, Euclid, Dot or Manhattan")
      ->type_name("NAME")
      ->capture_default_str();
  verb.add_option("--id-key", options.source.original_id_key,
                  "Payload key that keeps ids which are neither numbers nor UUIDs")
      ->type_name("KEY");
  add_route_options(verb, options.route, RouteScope::kMakes);
  verb.add_option("--memory", options.memory, "Bound on batches in flight")
      ->type_name("SIZE")
      ->capture_default_str();
  verb.add_flag("--dry-run", options.dry_run, "Print the plan and write nothing");
  verb.add_option("--confirm", options.confirmed,
                  "Name of the protected environment whose points --into-existing may replace")
      ->type_name("ENV");
}

Result<int> transfer(const Context& context, const Output& output, const std::string& verb,
                     const std::string& source_text, const std::string& target_text,
                     TransferOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const Distance distance, distance_of(options.distance));
  options.source.distance = distance;
  Progress progress;
  options.source.stop = context.stop;
  options.target.stop = context.stop;
  options.target.write = true;
  options.target.index_progress = [&progress](uint64_t done, uint64_t total) {
    progress.points = done;
    progress.expected = total;
  };
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  ARROW_ASSIGN_OR_RAISE(const auto source, open_location(names, source_text, options.source));
  ARROW_ASSIGN_OR_RAISE(auto selection, options.selection.parse());
  ARROW_ASSIGN_OR_RAISE(
      selection.reembed,
      open_reembedding(options.reembed, context, names.config_file(), distance, options.dry_run));
  options.target.collection_name = source.collection;
  options.target.points_count = certain_points(source, selection, context.stop);
  ARROW_ASSIGN_OR_RAISE(const auto target, open_location(names, target_text, options.target));
  CopyRequest request{.verb = verb,
                      .source = source.endpoint(),
                      .target = target.endpoint(),
                      .selection = std::move(selection),
                      .into_existing = options.into_existing,
                      .verify = !options.no_verify,
                      .strict_floats = options.strict_floats,
                      .follow_up = passes_of(options.follow_up, options.max_passes)};
  ARROW_ASSIGN_OR_RAISE(request.travel, options.route.parse(names));
  ARROW_ASSIGN_OR_RAISE(request.limits.memory_bytes, parse_size(options.memory));
  auto planned = plan_copy(std::move(request), context.stop);
  if (!planned.ok()) {
    return with_nearest_name(planned.status(), *source.backend, source.collection, context.stop);
  }
  const CopyPlan& plan = *planned;
  Json plan_json = to_json(plan);
  for (const auto& note : source.reading_notes) {
    plan_json["notes"].push_back(note);
  }
  std::string shown_plan = plan_text(plan, source.reading_notes);
  if (plan.request.selection.reembed != nullptr && !options.dry_run) {
    output.note("embedding a few texts for the plan\n");  // a model may take minutes to load
  }
  ARROW_RETURN_NOT_OK(
      add_reembed_estimate(*planned, options.reembed.price, &plan_json, &shown_plan, context.stop));
  output.line(plan_json);
  if (options.dry_run) {
    output.text(shown_plan + "  dry run   nothing was written\n");
    output.line(dry_run_json(plan));
    return kExitDone;
  }
  output.note(shown_plan);
  if (!plan.create) {
    ARROW_ASSIGN_OR_RAISE(const auto address, address_of(names, target_text));
    ARROW_RETURN_NOT_OK(check_protection(context, names, {address}, options.confirmed).status());
  }
  Result<Receipt> receipt = [&] {
    const ProgressDisplay display(output, progress);
    return run_copy(plan, progress, context.stop);
  }();
  if (!receipt.ok() && !plan.create && progress.points > 0) {
    Failure failure = failure_of(receipt.status());
    if (failure.next.empty()) {
      failure.next = "what was written stays; the same command again goes on";
    }
    output.error(failure, kExitPartial);
    return kExitPartial;
  }
  ARROW_RETURN_NOT_OK(receipt.status());
  output.text(receipt_text(*receipt));
  output.line(result_json(*receipt));
  return kExitDone;
}

}  // namespace vecferry
