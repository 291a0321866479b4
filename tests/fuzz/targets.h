#pragma once
// The targets of fuzzing: each hands the bytes of a file to the functions with which bnlab reads such a file, and
// returns whether the file was read. The project's own errors are the right answer to a damaged file; every other
// exception is a finding, and so is what a sanitizer sees. scripts/fuzz.sh runs them; replay_test.cpp replays seeds and
// past findings.

#include "fuzz/checkpoints.h"
#include "fuzz/configs.h"
#include "fuzz/datasets.h"
#include "fuzz/tables.h"

namespace bnlab::fuzz {

struct Target {
  const char* name;  // of its file, and of its folders in seeds/ and findings/
  bool (*run)(Bytes);
};

inline constexpr Target targets[] = {{"config", config_target}, {"experiment", experiment_target},
                                     {"idx", idx_target},       {"idx_gz", idx_gz_target},
                                     {"cifar", cifar_target},   {"cifar100", cifar100_target},
                                     {"npz", npz_target},       {"npz_dataset", npz_dataset_target},
                                     {"csv", csv_target}};

}  // namespace bnlab::fuzz
