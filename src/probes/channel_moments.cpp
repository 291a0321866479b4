#include "probes/channel_moments.h"

#include <cmath>

#include "probes/observer.h"

namespace bnlab::probes {
namespace {

class ChannelMoments : public Probe {
 public:
  explicit ChannelMoments(const ProbeContext& context)
      : network_(context.network),
        observer_(context, {"dst"}),
        csv_(context.open_csv("channel_moments",
                              {"step", "layer", "type", "mean_magnitude", "variance", "second_moment"})) {}

  void step_done(std::int64_t step) override {
    observer_.load(step);
    observer_.forward();
    for (const onednn::Observation* output : observer_.all("dst")) write(step, *output);
  }

 private:
  void write(std::int64_t step, const onednn::Observation& output) {
    const Channels values(output);
    double magnitude = 0;
    double variance = 0;
    double second_moment = 0;
    for (std::int64_t c = 0; c < values.channels; ++c) {
      const ChannelStatistics statistics = statistics_of(values, c);
      magnitude += std::abs(statistics.mean);
      variance += statistics.variance;
      second_moment += statistics.variance + statistics.mean * statistics.mean;
    }
    const auto channels = static_cast<double>(values.channels);
    csv_.add(step).add(output.layer).add(type_of(network_, output.layer));
    csv_.add(magnitude / channels).add(variance / channels).add(second_moment / channels).end_row();
  }

  const network::Network& network_;
  Observer observer_;
  CsvWriter& csv_;
};

}  // namespace

std::unique_ptr<Probe> make_channel_moments(const ProbeContext& context) {
  return std::make_unique<ChannelMoments>(context);
}

}  // namespace bnlab::probes
