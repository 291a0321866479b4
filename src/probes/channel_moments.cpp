#include "probes/channel_moments.h"

#include <cmath>

#include "probes/observer.h"

namespace bnlab::probes {
namespace {

// Means over the channels of: |mean|, variance, second moment.
std::vector<double> moments_of(const onednn::Observation& output) {
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
  return {magnitude / channels, variance / channels, second_moment / channels};
}

}  // namespace

std::unique_ptr<Probe> make_channel_moments(const ProbeContext& context) {
  return make_layer_probe(context, "channel_moments", "dst", {"mean_magnitude", "variance", "second_moment"},
                          moments_of);
}

}  // namespace bnlab::probes
