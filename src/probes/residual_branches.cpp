#include "probes/residual_branches.h"

#include <limits>

#include "probes/observer.h"

namespace bnlab::probes {
namespace {

using onednn::Observation;

class ResidualBranches : public Probe {
 public:
  explicit ResidualBranches(const ProbeContext& context)
      : observer_(context, {"src", "dst", "branch"}),
        csv_(context.open_csv("residual_branches",
                              {"step", "layer", "branch_magnitude", "branch_share", "identity_error"})) {}

  void step_done(std::int64_t step) override {
    observer_.load(step);
    observer_.forward();
    for (const Observation* branch : observer_.all("branch")) {
      const Observation& output = observer_.at(branch->layer, "dst");
      const double share = squared_norm(values_of(*branch)) / squared_norm(values_of(output));
      csv_.add(step).add(branch->layer).add(largest_magnitude(values_of(*branch))).add(share);
      csv_.add(identity_error(observer_.at(branch->layer, "src"), output)).end_row();
    }
  }

 private:
  static double identity_error(const Observation& input, const Observation& output) {
    if (input.shape != output.shape) return std::numeric_limits<double>::quiet_NaN();
    return largest_difference(values_of(output), values_of(input)) / largest_magnitude(values_of(input));
  }

  Observer observer_;
  CsvWriter& csv_;
};

}  // namespace

std::unique_ptr<Probe> make_residual_branches(const ProbeContext& context) {
  return std::make_unique<ResidualBranches>(context);
}

}  // namespace bnlab::probes
