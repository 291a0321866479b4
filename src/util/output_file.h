#pragma once
#include <filesystem>
#include <memory>
#include <string_view>

namespace bnlab {

/// Writes piece by piece what write_output would write at once. A file that is there stays as it is until finish();
/// without that nothing is left. Each function throws RunError.
class OutputFile {
 public:
  explicit OutputFile(const std::filesystem::path& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes);
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bnlab
