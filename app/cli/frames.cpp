#include "app/cli/frames.h"

#include <sys/stat.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "app/cli/interrupt.h"
#include "syolo/image/codec.h"
#include "syolo/image/video.h"

namespace syolo::cli {
namespace {

constexpr std::size_t kAhead = 2;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

double ms_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

bool is_regular(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode);  // opening says what is wrong
}

}  // namespace

Image decode_input(const Input& input, const Wanted& wanted) {
  DecodeOptions options;
  options.channels = wanted.channels;
  options.bits = wanted.bits;
  options.ignore_exif = wanted.ignore_exif;
  if (input.kind == Input::Kind::bytes) {
    return decode_image(bytes_of(*input.bytes), "standard input", options);
  }
  if (is_regular(input.path)) return load_image(input.path, options);
  const std::string bytes = read_text(input.path, std::int64_t{1} << 30);
  return decode_image(bytes_of(bytes), input.path, options);
}

void save_picture(const std::string& path, const Image& picture) {
  save_image(path, picture.view());
}

struct FrameQueue::State {
  State(Inputs& inputs_, const Wanted& wanted_) : inputs(inputs_), wanted(wanted_) {}

  Inputs& inputs;
  const Wanted wanted;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Frame> frames;
  std::exception_ptr failure;
  std::int64_t skipped = 0;
  bool ended = false, stopped = false;
  std::shared_ptr<VideoReader> video;  // being read now
  std::thread worker;

  // False once nobody wants more. A live frame does not wait: it takes the place of the oldest.
  bool put(Frame frame, bool live = false) {
    std::unique_lock lock(mutex);
    if (live && frames.size() == kAhead) {
      frames.pop_front();
      ++skipped;
    }
    changed.wait(lock, [this] { return frames.size() < kAhead || stopped; });
    if (stopped) return false;
    frames.push_back(std::move(frame));
    changed.notify_all();
    return true;
  }

  Frame decoded(const Input& input) const {
    Frame frame;
    frame.input = input;
    if (input.kind == Input::Kind::failed) {
      frame.error = input.error;
      return frame;
    }
    const auto begin = std::chrono::steady_clock::now();
    try {
      frame.image = decode_input(input, wanted);
    } catch (const Error& error) {
      frame.error = std::make_shared<const Error>(error);
    } catch (const std::bad_alloc&) {
      frame.error = std::make_shared<const Error>(
          ErrorKind::limit, "expected memory for this picture, found none left",
          Where{.file = input.name});
    }
    frame.decode_ms = ms_since(begin);
    return frame;
  }

  Frame failed(const Input& input, const Error& error) const {
    Frame frame;
    frame.input = input;
    frame.error = std::make_shared<const Error>(error);
    return frame;
  }

  // False once nobody wants more.
  bool play(const Input& input) {
    std::shared_ptr<VideoReader> reader;
    try {
      reader = open_video(input.path);
    } catch (const Error& error) {
      return put(failed(input, error));
    }
    {
      const std::lock_guard lock(mutex);
      if (stopped) return false;
      video = reader;
    }
    const VideoInfo info = reader->info();
    for (std::int64_t number = 0;; ++number) {
      const auto begin = std::chrono::steady_clock::now();
      std::optional<Image> image = reader->next();
      if (!image) break;
      Frame frame;
      frame.input = input;
      frame.number = number;
      frame.fps = info.fps;
      frame.total = info.frames;
      frame.image = std::move(*image);
      frame.decode_ms = ms_since(begin);
      if (!put(std::move(frame), info.live)) return false;
    }
    const VideoState state = reader->state();
    if (!state.ended_early) return true;
    return put(failed(input, Error(ErrorKind::input,
                                   format("expected {} frames, as the file announces, found {}",
                                          info.frames, state.read),
                                   {.file = input.name}, "the file is damaged or was cut off")));
  }

  void work() noexcept {
    try {
      while (const std::optional<Input> input = inputs.next()) {
        if (!(input->moving() ? play(*input) : put(decoded(*input)))) break;
      }
    } catch (...) {
      failure = std::current_exception();  // read by the owner after `ended`
    }
    const std::lock_guard lock(mutex);
    ended = true;
    changed.notify_all();
  }
};

FrameQueue::FrameQueue(Inputs& inputs, const Wanted& wanted) :
    state_(std::make_unique<State>(inputs, wanted)) {
  state_->worker = std::thread([state = state_.get()] { state->work(); });
}

FrameQueue::~FrameQueue() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopped = true;
    if (state_->video) state_->video->stop();
    state_->changed.notify_all();
  }
  state_->inputs.stop();
  state_->worker.join();
}

std::int64_t FrameQueue::skipped() const {
  const std::lock_guard lock(state_->mutex);
  return state_->skipped;
}

std::optional<Frame> FrameQueue::next() {
  std::unique_lock lock(state_->mutex);
  // A signal does not wake a condition variable.
  while (state_->frames.empty() && !state_->ended && !interrupted()) {
    state_->changed.wait_for(lock, std::chrono::milliseconds(100));
  }
  if (interrupted()) return std::nullopt;
  if (state_->frames.empty()) {
    if (state_->failure) std::rethrow_exception(state_->failure);
    return std::nullopt;
  }
  Frame frame = std::move(state_->frames.front());
  state_->frames.pop_front();
  state_->changed.notify_all();
  return frame;
}

}  // namespace syolo::cli
