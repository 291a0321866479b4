#pragma once
// Files of datasets: IDX, plain and gzip, CIFAR, and .npz.

#include <vector>

#include "data/cifar.h"
#include "data/dataset.h"
#include "data/idx.h"
#include "fuzz/support.h"

namespace bnlab::fuzz {

inline std::string idx_bytes(const std::vector<std::uint32_t>& shape) {
  std::string bytes("\0\0\x08", 3);
  bytes += static_cast<char>(shape.size());
  std::size_t count = 1;
  for (const std::uint32_t extent : shape) {
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(extent >> shift & 0xff);
    count *= extent;
  }
  return bytes.append(count, '\1');
}

/// A folder of the four files of MNIST with 2 images each, without the file that the target writes.
struct MnistFolder {
  explicit MnistFolder(const std::string& without) {
    for (const std::string split : {"train", "t10k"}) {
      if (split + without != "train-images") folder.write(split + "-images-idx3-ubyte", idx_bytes({2, 28, 28}));
      if (split + without != "train-labels") folder.write(split + "-labels-idx1-ubyte", idx_bytes({2}));
    }
    config.name = "mnist";
    config.path = folder.path().string();
  }
  Folder folder;
  config::DatasetConfig config;
};

/// Folders of its own for each target: a file that is not compressed would be taken before one that is.
struct IdxFolders {
  MnistFolder images{"-images"};
  MnistFolder labels{"-labels"};

  bool read(Bytes bytes, const std::string& extension) const {
    const fs::path file = images.folder.write("train-images-idx3-ubyte" + extension, text_of(bytes));
    labels.folder.write("train-labels-idx1-ubyte" + extension, text_of(bytes));
    for (const int dimensions : {1, 3})
      accepts([&] {
        data::BackgroundSha256 sum;
        data::read_idx(file, dimensions, sum);
      });
    accepts([&] {
      data::BackgroundSha256 sum;
      data::read_idx_labels(file, sum);
    });
    for (const MnistFolder* folder : {&images, &labels}) {
      config::DatasetConfig own = folder->config;  // the same files as a user's own
      own.name = "idx";
      accepts([&] { data::load(own); });
    }
    const bool are_images = accepts([&] { data::load(images.config); });
    const bool are_labels = accepts([&] { data::load(labels.config); });
    return are_images || are_labels;
  }
};

inline bool idx_target(Bytes bytes) {
  static const IdxFolders folders;
  return folders.read(bytes, "");
}

inline bool idx_gz_target(Bytes bytes) {
  static const IdxFolders folders;
  return folders.read(bytes, ".gz");
}

/// Images of 1 x 2 x 2, so that a record has 5 bytes: all files the same, and the first of one record.
inline bool cifar_target(Bytes bytes) {
  static const Folder equal, one_record;
  const data::DatasetInfo info{.name = "cifar10", .channels = 1, .height = 2, .width = 2, .classes = 10};
  for (const char* name : {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                           "data_batch_5.bin", "test_batch.bin"}) {
    equal.write(name, text_of(bytes));
    one_record.write(name, text_of(bytes));
  }
  one_record.write("data_batch_1.bin", "\1abcd");
  const bool was_read = accepts([&] { data::read_cifar10(info, equal.path(), {}); });
  accepts([&] { data::read_cifar10(info, one_record.path(), {}); });
  return was_read;
}

/// The same of CIFAR-100, whose records have 6 bytes, with either label.
inline bool cifar100_target(Bytes bytes) {
  static const Folder folder;
  const data::DatasetInfo info{.name = "cifar100", .channels = 1, .height = 2, .width = 2, .classes = 100};
  for (const char* name : {"train.bin", "test.bin"}) folder.write(name, text_of(bytes));
  bool was_read = false;
  for (const config::LabelSet labels : {config::LabelSet::fine, config::LabelSet::coarse}) {
    config::DatasetConfig config;
    config.labels = labels;
    was_read = accepts([&] { data::read_cifar100(info, folder.path(), config); }) || was_read;
  }
  return was_read;
}

/// A user's own .npz.
inline bool npz_dataset_target(Bytes bytes) {
  static const Folder folder;
  config::DatasetConfig config;
  config.name = "npz";
  config.path = folder.write("data.npz", text_of(bytes)).string();
  bool was_read = accepts([&] { data::load(config); });
  for (const config::Channels channels : {config::Channels::first, config::Channels::last}) {
    config.channels = channels;
    was_read = accepts([&] { data::load(config); }) || was_read;
  }
  return was_read;
}

}  // namespace bnlab::fuzz
