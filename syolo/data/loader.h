// Batches for training: decoded, augmented, in order, made ahead by several threads. A batch
// depends on (seed, epoch, number) alone, whatever the threads, the cache and the place of the
// start.
#pragma once

#include <memory>

#include "syolo/base/limits.h"
#include "syolo/data/augment.h"

namespace syolo {

/// Where a training run stands: the next batch.
struct Cursor {
  std::int64_t epoch = 0, batch = 0;
  bool operator==(const Cursor&) const = default;
};

struct LoaderOptions {
  int batch = 16;
  int threads = 0;  // 0 = what this process may use
  int ahead = 3;    // batches made beforehand: bounds the memory
  std::uint64_t seed = 0;
  /// Of so many processes this is the rank-th: each makes its part of every batch.
  int rank = 0, ranks = 1;
  bool augment = true;     // false: letterboxed to augmentation.input
  bool shuffle = true;     // a new order each epoch
  bool drop_last = false;  // of an epoch, when it is short (not with rect: always the same ones)
  int multi_scale = 0;     // > 0: each batch another size, multiples of this, within 0.5..1.5
  /// The size of a batch instead of augmentation.input, by its place alone; called by any thread.
  std::function<Size(Cursor at)> size = {};
  /// Batches of pictures of like shape, as small as they fit, in multiples of `stride`; the order
  /// of the batches is drawn, not that of the pictures. No mosaic then.
  bool rect = false;
  int stride = 32;
  double rect_pad = 0;           // cells more on each axis
  std::int64_t cache_bytes = 0;  // decoded pictures kept in memory, up to this
  /// Decoded pictures kept as files, up to this; empty folder: none. What is damaged there, or
  /// older than its picture, is decoded again.
  std::filesystem::path cache_folder;
  std::int64_t cache_folder_bytes = std::int64_t{16} << 30;
  AugmentOptions augmentation;
};

struct Batch {
  Cursor at;
  Size size;
  std::size_t first = 0, of_all = 0;             // place in the batch of all ranks, its pictures
  bool shared = false;                           // fewer than ranks: each rank has all of them
  std::vector<std::size_t> items;                // numbers of Dataset::items
  std::vector<std::uint8_t> pixels;              // N, 3, H, W; RGB; 255 is 1.0
  std::vector<std::vector<Truth>> truths;        // in pixels of `size`
  std::vector<std::vector<ClassShare>> classes;  // in classification; else empty lists
  std::int64_t replaced = 0;  // pictures that could not be read: the next one served
};

class Loader {
 public:
  /// Keeps a reference to the dataset. @throws Error(data_refused) when it holds no item
  Loader(const Dataset& dataset, LoaderOptions options, const Limits& limits = {});
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Waits for the next batch; never ends, epochs follow each other.
  /// @throws Error(data_refused) when a hundred pictures in a row cannot be read
  Batch next();
  Cursor cursor() const;  // of the batch that next() will give
  void seek(Cursor cursor);
  /// From the epoch of the next batch on an epoch draws its pictures, with replacement, with these
  /// weights, one for each; what was made ahead is made again. None, or all 0: each picture once.
  void set_weights(std::vector<double> weights);
  std::int64_t batches_per_epoch() const;
  std::int64_t replaced() const;  // by the batches given so far

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// The shape of a batch of these pictures: the smallest that holds each with its long side at that
/// of `input`. Source: the Scaled-YOLOv4 trainer.
Size rect_size(std::span<const Size> pictures, Size input, int stride, double pad);

/// The order of an epoch.
std::vector<std::size_t> epoch_order(std::size_t count, std::uint64_t seed, std::int64_t epoch,
                                     bool shuffle);

/// As many pictures as there are weights, drawn with replacement.
std::vector<std::size_t> drawn_order(std::span<const double> weights, std::uint64_t seed,
                                     std::int64_t epoch);

}  // namespace syolo
