#include "onednn/program.h"

#include <chrono>
#include <stdexcept>

namespace bnlab::onednn {
namespace {

[[noreturn]] void throw_failed(const CallInfo& call, dnnl_status_t status) {
  throw std::runtime_error(call.layer + ": oneDNN could not run " + call.operation + " (" + call.implementation +
                           "), status " + std::to_string(status));
}

}  // namespace

void Program::run_call(dnnl_stream_t stream, std::size_t i) const {
  const Call& call = calls_[i];
  if (call.kernel) return call.kernel->run();
  const dnnl_status_t status =
      dnnl_primitive_execute(call.primitive, stream, static_cast<int>(call.arguments.size()), call.arguments.data());
  if (status != dnnl_success) throw_failed(info_[i], status);
}

void Program::run(const dnnl::stream& stream, std::size_t first, std::size_t last) const {
  for (std::size_t i = first; i < last; ++i) run_call(stream.get(), i);
}

void Program::run_timed(const dnnl::stream& stream, std::span<double> seconds) const {
  using Clock = std::chrono::steady_clock;
  Clock::time_point start = Clock::now();
  for (std::size_t i = 0; i < calls_.size(); ++i) {
    run_call(stream.get(), i);
    const Clock::time_point end = Clock::now();
    seconds[i] = std::chrono::duration<double>(end - start).count();
    start = end;
  }
}

}  // namespace bnlab::onednn
