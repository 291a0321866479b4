#pragma once
// The fields of dataset; see config/fields.h.

#include "config/names.h"
#include "config/rule.h"
#include "config/run_config.h"

namespace bnlab::config {

template <class V>
void fields(V& v, AugmentationConfig& c) {
  v.field("crop_padding", c.crop_padding,
          "zeros on each side, of which a window of the old size is taken at random (He "
          "et al. 2016: 4)",
          between(0, most_pixels));
  v.field("flip", c.flip, "mirror left and right, every second image on average");
}

template <class V>
void fields(V& v, ShiftConfig& c) {
  v.field("rotation", c.rotation, "degrees, counterclockwise", between(-360, 360));
  v.field("contrast", c.contrast, "factor of each pixel's distance from mid-grey", between(0, 1e3));
  v.field("noise", c.noise, "standard deviation of Gaussian noise, as a fraction of the largest pixel value",
          between(0, 10));
  v.field("splits", c.splits, "the images that are changed: all, or those of the test split; unset: all");
}

template <class V>
void fields(V& v, SyntheticConfig& c) {
  v.field("examples", c.examples, "training examples", between(1, 1e7));
  v.field("test_examples", c.test_examples, "test examples", between(1, 1e7));
  v.field("dimensions", c.dimensions, "values of an input; drawn_digits has images of 28 x 28", between(1, 1e5));
  v.field("outputs", c.outputs, "targets of gaussian_regression, classes of gaussian_clusters; drawn_digits has 10",
          between(1, 256));
  v.field("separation", c.separation,
          "gaussian_clusters: standard deviation of the centres, where a cluster's own is 1", between(0, largest));
  v.field("target_std", c.target_std,
          "gaussian_regression: standard deviation of each target, that of the matrix's entries times the root of "
          "dimensions; unset: 1",
          above(0).at_most(1e6));
  v.field("seed", c.seed, "of the data, apart from training.seed", at_least(0));
}

template <class V>
void fields(V& v, DatasetConfig& c) {
  v.field("name", c.name, "one that `bnlab list datasets` shows; some need no file", not_empty().required());
  v.field("path", c.path,
          "the folder with the files, or the .npz of npz; ~ is your home folder; empty: BNLAB_DATA, the Debian "
          "package's folder, data/");
  v.field("prefix", c.prefix,
          "idx: what the names of the files begin with, such as emnist-letters; needed where a folder has the files of "
          "several datasets");
  v.field("channels", c.channels,
          "npz: images are (N, C, H, W) with first, (N, H, W, C) with last; needed where their shape does not tell: it "
          "does where one end has at most 4 and the other has more");
  v.field("labels", c.labels, "cifar100: the 100 fine labels or the 20 coarse ones; unset: fine");
  v.field("scaling", c.scaling,
          "unit: pixels / 255; binary: pixels >= 128 are 1 (Ioffe & Szegedy 2015, 4.1); standardized: mean 0 and "
          "standard deviation 1 over the training images; raw: 0 to 255");
  v.field("limit", c.limit, "use only the first images of the training file; 0: all", between(0, most_images));
  v.field("validation", c.validation,
          "training images held out as a split of their own, the last ones within the limit", between(0, most_images));
  v.require(c.limit == 0 || c.validation < c.limit, "validation", "must be below limit");
  v.section("augmentation", c.augmentation, "random changes of the training images, new at each visit");
  v.section("shift", c.shift,
            "a fixed change of all images, as for fine-tuning on other data, or of the test images alone");
  v.section("synthetic", c.synthetic, "the size of gaussian_regression, gaussian_clusters and drawn_digits");
}

}  // namespace bnlab::config
