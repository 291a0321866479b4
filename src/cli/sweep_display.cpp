#include "cli/sweep_display.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace bnlab::cli {

using experiments::RunReport;
using experiments::RunState;
using experiments::Task;

TerminalDisplay::TerminalDisplay(std::shared_ptr<spdlog::logger> logger, const LogOptions& options, std::size_t total,
                                 std::size_t before)
    : logger_(std::move(logger)), line_(options.quiet), total_(total), before_(before), begin_(Clock::now()) {}

void TerminalDisplay::started(const Task& task) {
  running_[task.name] = {0, task.steps, 0};
  show();
}

void TerminalDisplay::progress(const Task& task, std::int64_t step, double loss) {
  running_[task.name] = {step, task.steps, loss};
  show();
}

void TerminalDisplay::ended(const Task& task, const RunReport& report) {
  running_.erase(task.name);
  const bool is_left = !is_finished(report.state) && report.state != RunState::failed;
  ++(is_left ? left_ : done_);
  failed_ += report.state == RunState::failed ? 1 : 0;
  line_.clear();
  const std::string counts = fmt::format("[{}/{}]", before_ + done_, total_);
  if (report.state == RunState::failed)
    logger_->error("{} {}: failed: {}", counts, task.name, report.error);
  else if (is_left)
    logger_->warn("{} {}: {} after {} steps{}{}", counts, task.name, experiments::name_of(report.state),
                  report.last_step, report.error.empty() ? "" : ": ", report.error);
  else
    logger_->info("{} {}: {} after {} steps, {:.1f} s{}", counts, task.name, experiments::name_of(report.state),
                  report.last_step, report.seconds, left());
  show();
}

void TerminalDisplay::message(const std::string& text) {
  line_.clear();
  logger_->info(text);
  show();
}

// From what the runs of this call took.
std::string TerminalDisplay::left() const {
  const std::size_t rest = total_ - before_ - done_ - left_;
  if (done_ == 0 || rest == 0) return "";
  const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
  return fmt::format("; about {} left",
                     duration_text(seconds / static_cast<double>(done_) * static_cast<double>(rest)));
}

void TerminalDisplay::show() {
  const Clock::time_point now = Clock::now();
  if (!line_.is_terminal() || std::chrono::duration<double>(now - shown_at_).count() < 0.1) return;
  shown_at_ = now;
  std::string text = fmt::format("{}/{} done", before_ + done_, total_);
  if (failed_ > 0) text += fmt::format(", {} failed", failed_);
  for (const auto& [name, one] : running_) {
    // The part of the name after the hash tells the runs apart.
    const std::string short_name = name.substr(std::min(name.find('_') + 1, name.size()));
    text += fmt::format(" | {} {}", short_name, one.step);
    if (one.steps > 0) text += fmt::format("/{}", one.steps);
    if (one.step > 0) text += fmt::format(" loss {:.3g}", one.loss);
  }
  line_.show(text + left());
}

}  // namespace bnlab::cli
