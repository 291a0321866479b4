#pragma once

namespace bnlab {

/// One function for std::visit from one for each alternative.
template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;  // C++20 knows as much, clang 14 does not

}  // namespace bnlab
