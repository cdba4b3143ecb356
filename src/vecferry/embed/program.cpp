#include <fmt/format.h>

#include <chrono>
#include <mutex>
#include <utility>

#include "vecferry/embed/child_process.h"
#include "vecferry/embed/command_words.h"
#include "vecferry/embed/embedding_reply_internal.h"
#include "vecferry/embed/program_internal.h"

namespace vecferry {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPollMs = 100;

// One line cannot be longer than so many bytes a number.
constexpr size_t kMostBytesANumber = 48;

class Program : public Embedder {
 public:
  Program(EmbedderOptions options, std::vector<std::string> words)
      : options_(std::move(options)), words_(std::move(words)) {}

  Result<std::vector<float>> embed(std::span<const std::string> texts, const StopToken& stop,
                                   std::optional<size_t>* /*refused*/) override {
    ARROW_ASSIGN_OR_RAISE(auto child, take());
    auto vectors = ask(*child, texts, stop);
    if (!vectors.ok()) {  // what it still answers is to texts nobody waits for
      child->abandon();
      return vectors;
    }
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(child));
    return vectors;
  }

  int in_flight() const override { return 1; }
  std::string label() const override { return fmt::format("program '{}'", words_.front()); }

 private:
  Result<std::unique_ptr<ChildProcess>> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        auto child = std::move(idle_.back());
        idle_.pop_back();
        return child;
      }
    }
    return ChildProcess::start(words_);
  }

  Result<std::vector<float>> ask(ChildProcess& child, std::span<const std::string> texts,
                                 const StopToken& stop) {
    std::string lines;
    for (const auto& text : texts) {
      append_text_line(text, &lines);
    }
    std::string output;
    std::string_view nothing;
    ARROW_RETURN_NOT_OK(child.exchange(&nothing, &output, 0).status());
    if (!output.empty()) {
      return more_than_asked();  // when the last texts had their answers already
    }
    std::string_view input = lines;
    std::vector<float> vectors;
    vectors.reserve(texts.size() * options_.dim);
    size_t answered = 0;
    auto last_sign = Clock::now();
    while (answered < texts.size()) {
      ARROW_RETURN_NOT_OK(poll(stop));
      const size_t before = output.size() + input.size();
      ARROW_ASSIGN_OR_RAISE(const bool goes_on, child.exchange(&input, &output, kPollMs));
      if (output.size() + input.size() != before) {
        last_sign = Clock::now();
      }
      ARROW_RETURN_NOT_OK(take_lines(&output, texts.size(), &answered, &vectors));
      if (answered < texts.size() && !goes_on) {
        return died(child, answered, texts.size());
      }
      if (Clock::now() - last_sign > options_.timeout) {
        return silent(answered, texts.size());
      }
    }
    if (!output.empty()) {
      return more_than_asked();
    }
    return vectors;
  }

  Status take_lines(std::string* output, size_t wanted, size_t* answered,
                    std::vector<float>* vectors) {
    size_t begin = 0;
    for (size_t end = output->find('\n'); end != std::string::npos;
         end = output->find('\n', begin)) {
      if (*answered == wanted) {
        return more_than_asked();
      }
      const std::string_view line(output->data() + begin, end - begin);
      ARROW_RETURN_NOT_OK(widen(parse_vector_line(line, options_.dim, vectors), label()));
      ++*answered;
      begin = end + 1;
    }
    output->erase(0, begin);
    if (output->size() > options_.dim * kMostBytesANumber + 4096) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = "a line without an end came back",
                   .where = label()});
    }
    return Status::OK();
  }

  Status more_than_asked() const {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = "more lines than texts came back",
                 .where = label(),
                 .next = "the program writes one line a text to stdout; what it has to say "
                         "otherwise goes to stderr"});
  }

  Status died(ChildProcess& child, size_t answered, size_t wanted) const {
    const std::string ending = child.ending();
    std::string words = child.last_words();
    words.erase(words.find_last_not_of(" \n\r\t") + 1);
    return fail(
        {.kind = ErrorKind::kIncompatible,
         .what = fmt::format("the program ended ({}) after {} of {} vectors{}", ending, answered,
                             wanted, words.empty() ? ", without a word" : ": " + words),
         .where = label(),
         .next = "run it by hand with a line {\"text\":\"…\"}; what is embedded is kept"});
  }

  Status silent(size_t answered, size_t wanted) const {
    return fail(
        {.kind = ErrorKind::kTimeout,
         .what =
             fmt::format("nothing came for {} s after {} of {} vectors",
                         std::chrono::duration_cast<std::chrono::seconds>(options_.timeout).count(),
                         answered, wanted),
         .where = label(),
         .next = "the program must write out each line at once (in Python print(…, flush=True)); "
                 "a slow one takes more --embed-timeout"});
  }

  EmbedderOptions options_;
  std::vector<std::string> words_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<ChildProcess>> idle_;  // guarded by mutex_
};

}  // namespace

Result<std::unique_ptr<Embedder>> program_embedder(const EmbedderOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto words, command_words(options.command));
  return std::make_unique<Program>(options, std::move(words));
}

}  // namespace vecferry
