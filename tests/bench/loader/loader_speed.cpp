// Images per second of the loader with the mosaic recipe: DATASET INPUT BATCH BATCHES THREADS MIB,
// the last for decoded pictures kept in memory.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "syolo/data/formats.h"
#include "syolo/data/loader.h"

int main(int argc, char** words) {
  if (argc != 7) {
    std::fputs("syolo_loader_speed DATASET INPUT BATCH BATCHES THREADS MIB\n", stderr);
    return 2;
  }
  const auto number = [&](int i) { return std::atoi(words[i]); };
  try {
    const syolo::Dataset data = syolo::load_dataset(words[1]);
    syolo::LoaderOptions options;
    options.augmentation.input = {number(2), number(2)};
    options.batch = number(3), options.threads = number(5);
    options.cache_bytes = std::int64_t{number(6)} << 20;
    syolo::Loader loader(data, options);
    std::size_t images = 0, boxes = 0;
    // Threads and files are warm after a batch, the memory when every picture was there.
    const std::int64_t first = options.cache_bytes > 0 ? loader.batches_per_epoch() : 1;
    for (std::int64_t i = 0; i < first; ++i) loader.next();
    const std::clock_t used = std::clock();
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < number(4); ++i) {
      const syolo::Batch batch = loader.next();
      images += batch.items.size();
      for (const auto& truths : batch.truths) boxes += truths.size();
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    const auto count = static_cast<double>(images);
    const double processors = static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC;
    std::printf("%.2f images/s, %.3f ms of processors and %.2f boxes each\n",
                count / seconds.count(), 1000 * processors / count,
                static_cast<double>(boxes) / count);
  } catch (const syolo::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
