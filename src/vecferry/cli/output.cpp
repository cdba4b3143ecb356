#include "vecferry/cli/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <nlohmann/json.hpp>

namespace vecferry {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kDrawInterval = std::chrono::milliseconds(100);
constexpr auto kLineInterval = std::chrono::seconds(10);
constexpr int kBarWidth = 24;

void put(std::FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
}

// Payloads come from files and servers, so a stray byte must not end the program.
std::string dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string_view word(Phase phase) {
  switch (phase) {
    case Phase::kBackingUp:
      return "back up";
    case Phase::kFetching:
      return "fetch";
    case Phase::kCopying:
      return "copy";
    case Phase::kFinishing:
      return "index";
    case Phase::kVerifying:
      return "verify";
    case Phase::kComparing:
      break;
  }
  return "compare";
}

bool colour_wanted() {
  const char* no_colour = std::getenv("NO_COLOR");
  return ::isatty(STDERR_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0');
}

std::string progress_text(const Progress& progress, double seconds) {
  const uint64_t points = progress.points;
  const uint64_t expected = progress.expected;
  std::string text = fmt::format("{}: {}", word(progress.phase), format_count(points));
  if (expected > 0) {
    text += fmt::format(" of {} points ({}%)", format_count(expected),
                        points >= expected ? 100 : points * 100 / expected);
  } else {
    text += " points";
  }
  if (seconds > 0.5 && points > 0) {
    const double rate = static_cast<double>(points) / seconds;
    text += fmt::format(", {}/s", format_count(static_cast<uint64_t>(rate)));
    if (expected > points) {
      text +=
          fmt::format(", {} left", format_seconds(static_cast<double>(expected - points) / rate));
    }
  }
  return text;
}

std::string bar(const Progress& progress) {
  const uint64_t expected = progress.expected;
  if (expected == 0) {
    return {};
  }
  const uint64_t points = progress.points < expected ? progress.points.load() : expected;
  const auto filled = static_cast<size_t>(points * kBarWidth / expected);
  return "[" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "] ";
}

}  // namespace

void Output::line(const nlohmann::ordered_json& object) const {
  if (options_.json) {
    put(options_.stdout_is_data ? stderr : stdout, dump(object) + "\n");
  }
}

void Output::text(std::string_view text) const {
  if (!options_.json) {
    put(options_.stdout_is_data ? stderr : stdout, text);
  }
}

void Output::note(std::string_view text) const {
  if (!options_.quiet) {
    put(stderr, text);
  }
}

void Output::warning(std::string_view text) const {
  line({{"type", "warning"}, {"message", text}});
  if (!options_.quiet) {
    put(stderr, fmt::format("vecferry: warning: {}\n", text));
  }
}

void Output::error(const Failure& failure, int exit_code) const {
  std::string text = colour_wanted() ? "vecferry: \x1b[31merror:\x1b[0m " : "vecferry: error: ";
  text += failure.what + "\n";
  if (!failure.where.empty()) {
    text += "  where: " + failure.where + "\n";
  }
  if (!failure.next.empty()) {
    text += "  next:  " + failure.next + "\n";
  }
  put(stderr, text);
  line({{"type", "error"},
        {"kind", to_string(failure.kind)},
        {"what", failure.what},
        {"where", failure.where},
        {"next", failure.next},
        {"exit_code", exit_code}});
}

ProgressDisplay::ProgressDisplay(const Output& output, const Progress& progress)
    : output_(output), progress_(progress), terminal_(::isatty(STDERR_FILENO) == 1) {
  if (!output.options().quiet) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
}

ProgressDisplay::~ProgressDisplay() = default;

void ProgressDisplay::run(const std::stop_token& stop) const {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  auto phase = progress_.phase.load();
  auto started = Clock::now();
  auto next_line = started + kLineInterval;
  const bool draw = terminal_ && !output_.options().json;
  bool drawn = false;
  while (!wake.wait_for(lock, stop, kDrawInterval, [&] { return stop.stop_requested(); })) {
    const auto now = Clock::now();
    if (progress_.phase != phase) {
      phase = progress_.phase;
      started = now;
    }
    const double seconds = std::chrono::duration<double>(now - started).count();
    if (draw) {
      put(stderr, "\r\x1b[K" + bar(progress_) + progress_text(progress_, seconds));
      drawn = true;
    } else if (now >= next_line) {
      next_line += kLineInterval;
      if (output_.options().json) {
        const uint64_t expected = progress_.expected;
        output_.line({{"type", "progress"},
                      {"phase", word(phase)},
                      {"points", progress_.points.load()},
                      {"total", expected > 0 ? nlohmann::ordered_json(expected) : nullptr},
                      {"seconds", seconds}});
      }
      put(stderr, "vecferry: " + progress_text(progress_, seconds) + "\n");
    }
  }
  if (drawn) {
    put(stderr, "\r\x1b[K");
  }
}

std::string format_count(uint64_t value) {
  std::string digits = std::to_string(value);
  for (size_t i = digits.size(); i > 3; i -= 3) {
    digits.insert(i - 3, ",");
  }
  return digits;
}

std::string format_bytes(uint64_t bytes) {
  if (bytes < 1000) {
    return fmt::format("{} B", bytes);
  }
  auto value = static_cast<double>(bytes);
  for (const char* unit : {"kB", "MB", "GB"}) {
    value /= 1000;
    if (value < 1000) {
      return fmt::format("{:.1f} {}", value, unit);
    }
  }
  return fmt::format("{:.1f} TB", value / 1000);
}

std::string format_seconds(double seconds) {
  if (seconds < 10) {
    return fmt::format("{:.1f} s", seconds);
  }
  if (seconds < 100) {
    return fmt::format("{:.0f} s", seconds);
  }
  const auto whole = static_cast<uint64_t>(seconds);
  return whole < 6000 ? fmt::format("{} min {} s", whole / 60, whole % 60)
                      : fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

std::string bullets(std::string_view title, const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) {
    text += fmt::format("  {:<9} {}\n", title, line);
  }
  return text;
}

}  // namespace vecferry
