#pragma once
// The fields of dataset; see config/fields.h.

#include "config/names.h"
#include "config/rule.h"
#include "config/run_config.h"

namespace bnlab::config {

template <class V>
void fields(V& v, AugmentationConfig& c) {
  v.field("crop_padding", c.crop_padding,
          "pad with this many zeros on each side, then crop a random window of the original size (He et al. 2016: 4)",
          between(0, most_pixels));
  v.field("flip", c.flip, "mirror each image left to right with probability 1/2");
}

template <class V>
void fields(V& v, ShiftConfig& c) {
  v.field("rotation", c.rotation, "rotation in degrees, counterclockwise", between(-360, 360));
  v.field("contrast", c.contrast, "factor for each pixel's distance from mid-grey", between(0, 1e3));
  v.field("noise", c.noise, "standard deviation of Gaussian noise, as a fraction of the largest pixel value",
          between(0, 10));
  v.field("splits", c.splits, "the images that are changed: all, or those of the test split; unset: all");
}

template <class V>
void fields(V& v, SyntheticConfig& c) {
  v.field("examples", c.examples, "number of training examples", between(1, 1e7));
  v.field("test_examples", c.test_examples, "number of test examples", between(1, 1e7));
  v.field("dimensions", c.dimensions, "length of an input; drawn_digits always has images of 28 x 28", between(1, 1e5));
  v.field("outputs", c.outputs,
          "number of targets (gaussian_regression) or classes (gaussian_clusters); drawn_digits always has 10",
          between(1, 256));
  v.field("separation", c.separation,
          "gaussian_clusters: standard deviation of the centres; the standard deviation within a cluster is 1",
          between(0, largest));
  v.field("target_std", c.target_std,
          "gaussian_regression: standard deviation of each target; the entries of the matrix have this standard "
          "deviation / sqrt(dimensions); unset: 1",
          above(0).at_most(1e6));
  v.field("seed", c.seed, "seed of the data, independent of training.seed", at_least(0));
}

template <class V>
void fields(V& v, DatasetConfig& c) {
  v.field("name", c.name, "name of the dataset, see `bnlab list datasets`; some need no file", not_empty().required());
  v.field("path", c.path,
          "folder with the files; npz: the .npz file; ~ is your home folder; empty: search BNLAB_DATA, the folder of "
          "the Debian package, and data/");
  v.field("prefix", c.prefix,
          "idx: beginning of the names of the files, such as emnist-letters; needed if the folder has the files of "
          "several datasets");
  v.field("channels", c.channels,
          "npz: images are (N, C, H, W) with first, (N, H, W, C) with last; needed if the shape is "
          "ambiguous, as it is unless exactly one of the two possible axes of channels has at most 4 entries");
  v.field("labels", c.labels, "cifar100: the 100 fine labels, or the 20 coarse ones; unset: fine");
  v.field("scaling", c.scaling,
          "unit: pixels / 255; binary: pixels >= 128 are 1 (Ioffe & Szegedy 2015, 4.1); standardized: mean 0 and "
          "standard deviation 1 over the training images; raw: 0 to 255");
  v.field("limit", c.limit, "use only the first images of the training file; 0: all", between(0, most_images));
  v.field("validation", c.validation,
          "number of training images to hold out for validation: the last ones within the limit",
          between(0, most_images));
  v.require(c.limit == 0 || c.validation < c.limit, "validation", "must be below limit");
  v.field("test_limit", c.test_limit, "use only the first images of the test file; unset: all",
          between(1, most_images));
  v.section("augmentation", c.augmentation, "random changes of the training images, drawn again in each epoch");
  v.section("shift", c.shift,
            "a fixed change of all images, as for fine-tuning on other data, or of the test images alone");
  v.section("synthetic", c.synthetic, "size of gaussian_regression, gaussian_clusters and drawn_digits");
}

}  // namespace bnlab::config
