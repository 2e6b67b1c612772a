#include "syolo/data/loader.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>

#include "syolo/base/error.h"
#include "syolo/base/parallel.h"
#include "syolo/data/augment/augment_impl.h"
#include "syolo/data/picture_cache_impl.h"
#include "syolo/image/codec.h"

namespace syolo {
namespace {

constexpr std::size_t kMostBadInARow = 100;

/// Interleaved RGB -> planes.
void planes_of(const Image& image, std::uint8_t* dst) {
  const auto* src = reinterpret_cast<const std::uint8_t*>(image.pixels.data());
  const std::size_t count = image.pixels.size() / 3;
  for (std::size_t i = 0; i < count; ++i, src += 3) {
    dst[i] = src[0], dst[count + i] = src[1], dst[2 * count + i] = src[2];
  }
}

struct Slot {
  Batch batch;
  std::vector<std::size_t> repeats;  // of each picture: how often the epoch had it before
  std::size_t started = 0, done = 0;
  std::exception_ptr failure;
  bool complete() const { return done == batch.items.size(); }
};

}  // namespace

std::vector<std::size_t> epoch_order(std::size_t count, std::uint64_t seed, std::int64_t epoch,
                                     bool shuffle) {
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = i;
  if (!shuffle) return order;
  Rng rng(seed, Stream::sampler, static_cast<std::uint64_t>(epoch));
  for (std::size_t i = count; i > 1; --i) {
    std::swap(order[i - 1], order[static_cast<std::size_t>(rng.below(static_cast<int>(i)))]);
  }
  return order;
}

std::vector<std::size_t> drawn_order(std::span<const double> weights, std::uint64_t seed,
                                     std::int64_t epoch) {
  constexpr std::uint64_t kOwn = std::uint64_t{1} << 42;  // numbers of nobody else
  std::vector<double> up_to(weights.size());
  std::partial_sum(weights.begin(), weights.end(), up_to.begin());
  Rng rng(seed, Stream::sampler, static_cast<std::uint64_t>(epoch), kOwn);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto found = std::ranges::upper_bound(up_to, rng.uniform() * up_to.back());
    order.push_back(std::min(static_cast<std::size_t>(found - up_to.begin()), weights.size() - 1));
  }
  return order;
}

Size rect_size(std::span<const Size> pictures, Size input, int stride, double pad) {
  double least = 1e300, most = 0;  // height / width
  for (const Size size : pictures) {
    const double aspect = size.width > 0 && size.height > 0
                              ? static_cast<double>(size.height) / size.width
                              : 1.0;  // unknown
    least = std::min(least, aspect), most = std::max(most, aspect);
  }
  const double height = most < 1 ? most : 1, width = least > 1 ? 1 / least : 1;
  const int side = std::max(input.width, input.height);
  const auto cells = [&](double share) {
    return std::max(1, static_cast<int>(std::ceil(share * side / stride + pad))) * stride;
  };
  return {cells(width), cells(height)};
}

class Loader::Impl {
 public:
  Impl(const Dataset& dataset, LoaderOptions options, const Limits& limits) :
      dataset_(dataset), options_(std::move(options)), limits_(limits),
      memory_(options_.cache_bytes), files_(options_.cache_folder, options_.cache_folder_bytes) {
    if (dataset.items.empty()) {
      throw Error(ErrorKind::data_refused, "expected pictures to train on, found none");
    }
    const auto batch = static_cast<std::size_t>(std::max(1, options_.batch));
    const std::size_t count = dataset.items.size();
    batches_ = static_cast<std::int64_t>(options_.drop_last && !options_.rect
                                             ? std::max<std::size_t>(1, count / batch)
                                             : (count + batch - 1) / batch);
    if (options_.rect) sort_by_shape();
    const int threads = options_.threads > 0 ? options_.threads : cpu_budget().threads();
    for (int i = 0; i < threads; ++i) {
      workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    }
  }

  ~Impl() {
    for (std::jthread& worker : workers_) worker.request_stop();
    {
      const std::scoped_lock lock(mutex_);  // nobody is between looking and waiting
    }
    changed_.notify_all();
    workers_.clear();
  }

  Batch next() {
    std::unique_lock lock(mutex_);
    add_slots();
    changed_.notify_all();
    changed_.wait(lock, [this] { return slots_.front()->complete(); });
    const std::shared_ptr<Slot> slot = slots_.front();
    slots_.pop_front();
    add_slots();
    changed_.notify_all();
    if (slot->failure) std::rethrow_exception(slot->failure);
    head_ = after(slot->batch.at);
    replaced_ += slot->batch.replaced;
    return std::move(slot->batch);
  }

  void seek(Cursor cursor) {
    if (cursor.epoch < 0 || cursor.batch < 0 || cursor.batch >= batches_) {
      throw Error(ErrorKind::input, format("expected a batch of 0..{}, found {} of epoch {}",
                                           batches_ - 1, cursor.batch, cursor.epoch));
    }
    const std::scoped_lock lock(mutex_);
    slots_.clear();  // who works on one of them keeps it alive, and its result is nobody's
    head_ = tail_ = cursor;
  }

  void set_weights(std::vector<double> weights) {
    const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
    const std::scoped_lock lock(mutex_);
    weights_ = all > 0 ? std::move(weights) : std::vector<double>();
    order_epoch_ = -1;
    slots_.clear();
    tail_ = head_;
  }

  Cursor cursor() const {
    const std::scoped_lock lock(mutex_);
    return head_;
  }
  std::int64_t batches() const { return batches_; }
  std::int64_t replaced() const {
    const std::scoped_lock lock(mutex_);
    return replaced_;
  }

 private:
  Cursor after(Cursor at) const {
    return at.batch + 1 < batches_ ? Cursor{at.epoch, at.batch + 1} : Cursor{at.epoch + 1, 0};
  }
  Size scaled(Size size, Cursor at) const;
  Size shape_of(const std::vector<std::size_t>& items) const;
  std::vector<std::size_t> members(Cursor at);
  void draw(std::int64_t epoch);
  void sort_by_shape();
  void keep_own(Batch& batch) const;
  void add_slots();
  std::shared_ptr<Slot> make_slot(Cursor at);
  void work(const std::stop_token& stop);
  void fill(Slot& slot, std::size_t position);
  Sample load(std::size_t item);
  Sample load_or_next(std::size_t item, std::int64_t& replaced);

  const Dataset& dataset_;
  const LoaderOptions options_;
  const Limits limits_;
  data::MemoryCache memory_;
  data::FileCache files_;
  std::int64_t batches_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::shared_ptr<Slot>> slots_;
  Cursor head_, tail_;  // next to give, next to begin
  std::int64_t replaced_ = 0;
  std::int64_t order_epoch_ = -1;
  std::vector<std::size_t> order_, by_shape_;
  std::vector<std::size_t> repeats_;  // of each place of order_; empty: none
  std::vector<double> weights_;
  std::vector<std::jthread> workers_;
};

/// Published multi-scale: the long side a uniform multiple within half and one and a half.
Size Loader::Impl::scaled(Size size, Cursor at) const {
  const int step = options_.multi_scale;
  if (step <= 0) return size;
  Rng rng(options_.seed, Stream::sampler, static_cast<std::uint64_t>(at.epoch),
          (std::uint64_t{1} << 40) + static_cast<std::uint64_t>(at.batch));
  const Size input = options_.augmentation.input;
  const int most = std::max(input.width, input.height);
  const int low = most / 2, high = most + most / 2 + step;
  const int side = std::max(step, (low + rng.below(high - low)) / step * step);
  const auto one = [&](int old) {
    const std::int64_t wanted = std::int64_t{old} * side;
    return static_cast<int>((wanted + std::int64_t{most} * step - 1) /
                            (std::int64_t{most} * step)) *
           step;
  };
  return {one(size.width), one(size.height)};
}

/// The pictures by height / width, so that each batch holds like ones.
void Loader::Impl::sort_by_shape() {
  by_shape_.resize(dataset_.items.size());
  for (std::size_t i = 0; i < by_shape_.size(); ++i) by_shape_[i] = i;
  const auto aspect = [this](std::size_t i) {
    const Size size = dataset_.items[i].size;
    return size.width > 0 && size.height > 0 ? static_cast<double>(size.height) / size.width : 1.0;
  };
  std::stable_sort(by_shape_.begin(), by_shape_.end(),
                   [&](std::size_t a, std::size_t b) { return aspect(a) < aspect(b); });
}

void Loader::Impl::draw(std::int64_t epoch) {
  order_ = drawn_order(weights_, options_.seed, epoch);
  std::vector<std::size_t> seen(order_.size(), 0);
  for (const std::size_t item : order_) repeats_.push_back(seen[item]++);
}

/// The pictures of a batch; `order_` counts pictures, or with rect batches.
std::vector<std::size_t> Loader::Impl::members(Cursor at) {
  if (order_epoch_ != at.epoch) {
    order_ = epoch_order(options_.rect ? static_cast<std::size_t>(batches_) : dataset_.items.size(),
                         options_.seed, at.epoch, options_.shuffle);
    repeats_.clear();
    if (!weights_.empty() && !options_.rect) draw(at.epoch);
    order_epoch_ = at.epoch;
  }
  const std::vector<std::size_t>& all = options_.rect ? by_shape_ : order_;
  const auto number = static_cast<std::size_t>(at.batch);
  const auto batch = static_cast<std::size_t>(std::max(1, options_.batch));
  const std::size_t first = (options_.rect ? order_[number] : number) * batch;
  const std::size_t last = std::min(all.size(), first + batch);
  return {all.begin() + static_cast<std::ptrdiff_t>(first),
          all.begin() + static_cast<std::ptrdiff_t>(last)};
}

Size Loader::Impl::shape_of(const std::vector<std::size_t>& items) const {
  if (!options_.rect) return options_.augmentation.input;
  std::vector<Size> sizes;
  sizes.reserve(items.size());
  for (const std::size_t item : items) sizes.push_back(dataset_.items[item].size);
  return rect_size(sizes, options_.augmentation.input, options_.stride, options_.rect_pad);
}

/// The rank's part: the parts differ by a picture at most.
void Loader::Impl::keep_own(Batch& batch) const {
  const auto rank = static_cast<std::size_t>(options_.rank);
  const auto ranks = static_cast<std::size_t>(std::max(1, options_.ranks));
  batch.of_all = batch.items.size();
  batch.shared = batch.of_all < ranks;
  if (batch.shared) return;
  batch.first = rank * batch.of_all / ranks;
  const std::size_t end = (rank + 1) * batch.of_all / ranks;
  const auto items = batch.items.begin();
  batch.items = {items + static_cast<std::ptrdiff_t>(batch.first),
                 items + static_cast<std::ptrdiff_t>(end)};
}

std::shared_ptr<Slot> Loader::Impl::make_slot(Cursor at) {
  auto slot = std::make_shared<Slot>();
  Batch& batch = slot->batch;
  batch.at = at;
  batch.items = members(at);
  batch.size = options_.size ? options_.size(at) : scaled(shape_of(batch.items), at);
  keep_own(batch);
  slot->repeats.assign(batch.items.size(), 0);
  const std::size_t first =
      static_cast<std::size_t>(at.batch) * static_cast<std::size_t>(std::max(1, options_.batch)) +
      batch.first;
  for (std::size_t i = 0; i < batch.items.size() && !repeats_.empty(); ++i) {
    slot->repeats[i] = repeats_[first + i];
  }
  batch.truths.resize(batch.items.size());
  batch.classes.resize(batch.items.size());
  batch.pixels.resize(batch.items.size() * 3 * static_cast<std::size_t>(batch.size.width) *
                      static_cast<std::size_t>(batch.size.height));
  return slot;
}

void Loader::Impl::add_slots() {
  while (slots_.size() < static_cast<std::size_t>(std::max(1, options_.ahead))) {
    slots_.push_back(make_slot(tail_));
    tail_ = after(tail_);
  }
}

void Loader::Impl::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto open = [this] {
    return std::find_if(slots_.begin(), slots_.end(), [](const std::shared_ptr<Slot>& slot) {
      return slot->started < slot->batch.items.size();
    });
  };
  while (!stop.stop_requested()) {
    const auto at = open();
    if (at == slots_.end()) {
      changed_.wait(lock, stop, [&] { return open() != slots_.end(); });
      continue;
    }
    const std::shared_ptr<Slot> slot = *at;
    const std::size_t position = slot->started++;
    lock.unlock();
    std::exception_ptr failure;
    try {
      fill(*slot, position);
    } catch (...) {
      failure = std::current_exception();  // carried to whoever waits for the batch
    }
    lock.lock();
    if (failure && !slot->failure) slot->failure = failure;
    if (++slot->done == slot->batch.items.size()) changed_.notify_all();
  }
}

Sample Loader::Impl::load(std::size_t item) {
  const Item& picture = dataset_.items[item];
  std::shared_ptr<const Image> image = memory_.find(item);
  if (!image) {
    image = files_.find(picture.image, limits_);
    if (!image) {
      image = std::make_shared<const Image>(load_image(picture.image, {}, limits_));
      files_.keep(picture.image, *image);
    }
    memory_.keep(item, image);
  }
  Sample sample{*image, picture.truths};
  if (picture.cls >= 0) sample.classes = {{picture.cls}};
  return sample;
}

Sample Loader::Impl::load_or_next(std::size_t item, std::int64_t& replaced) {
  const std::size_t count = dataset_.items.size();
  for (std::size_t tries = 0;; ++tries) {
    try {
      return load((item + tries) % count);
    } catch (const Error& error) {
      if (tries + 1 >= std::min(count, kMostBadInARow)) {
        throw Error(
            ErrorKind::data_refused,
            format("{} pictures in a row cannot be read; the last: {}", tries + 1, error.text()),
            error.where());
      }
      ++replaced;
    }
  }
}

void Loader::Impl::fill(Slot& slot, std::size_t position) {
  Batch& batch = slot.batch;
  const std::size_t item = batch.items[position];
  AugmentOptions augmentation = options_.augmentation;
  augmentation.input = batch.size;
  if (options_.rect) augmentation.mosaic = 0;
  std::int64_t replaced = 0;
  const auto get = [&](std::size_t i) { return load_or_next(i, replaced); };
  Sample sample;
  if (options_.augment) {
    Rng rng(options_.seed, Stream::augment, static_cast<std::uint64_t>(batch.at.epoch),
            item + slot.repeats[position] * dataset_.items.size());
    const auto one = dataset_.items[item].cls >= 0 ? classification_sample : training_sample;
    sample = one(item, dataset_.items.size(), get, augmentation, rng);
  } else {
    sample = letterboxed(get(item), batch.size, augmentation.pad);
  }
  const std::size_t bytes = batch.pixels.size() / batch.items.size();
  planes_of(sample.image, batch.pixels.data() + position * bytes);
  batch.truths[position] = std::move(sample.truths);
  batch.classes[position] = std::move(sample.classes);
  if (replaced == 0) return;
  const std::scoped_lock lock(mutex_);
  batch.replaced += replaced;
}

Loader::Loader(const Dataset& dataset, LoaderOptions options, const Limits& limits) :
    impl_(std::make_unique<Impl>(dataset, std::move(options), limits)) {}
Loader::~Loader() = default;
Batch Loader::next() {
  return impl_->next();
}
Cursor Loader::cursor() const {
  return impl_->cursor();
}
void Loader::seek(Cursor cursor) {
  impl_->seek(cursor);
}
void Loader::set_weights(std::vector<double> weights) {
  impl_->set_weights(std::move(weights));
}
std::int64_t Loader::batches_per_epoch() const {
  return impl_->batches();
}
std::int64_t Loader::replaced() const {
  return impl_->replaced();
}

}  // namespace syolo
