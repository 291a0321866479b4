#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "cli/status_line.h"
#include "experiments/executor.h"
#include "util/logging.h"

namespace bnlab::cli {

/// Shows the progress of a sweep: runs done, running with step and loss, failed, time left. On a terminal in one line
/// that changes, elsewhere with a line for each run that ends.
class TerminalDisplay : public experiments::SweepDisplay {
 public:
  /// `total`: all runs of the sweep, `before` of which are finished.
  TerminalDisplay(std::shared_ptr<spdlog::logger> logger, const LogOptions& options, std::size_t total,
                  std::size_t before);

  void started(const experiments::Task& task) override;
  void progress(const experiments::Task& task, std::int64_t step, double loss) override;
  void ended(const experiments::Task& task, const experiments::RunReport& report) override;
  void message(const std::string& text) override;
  void tick() override { show(); }

 private:
  using Clock = std::chrono::steady_clock;
  struct Progress {
    std::int64_t step, steps;
    double loss;
  };

  std::string left() const;
  void show();

  std::shared_ptr<spdlog::logger> logger_;
  StatusLine line_;
  std::size_t total_, before_;
  std::size_t done_ = 0, failed_ = 0, left_ = 0;  // left_: for a later call
  std::map<std::string, Progress> running_;
  Clock::time_point begin_;
  Clock::time_point shown_at_{};
};

}  // namespace bnlab::cli
