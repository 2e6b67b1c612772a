// The video module: OpenCV's videoio behind our interfaces. A thread of its own reads ahead by
// two frames, so that whoever waits for a frame can be stopped at once while OpenCV still blocks.

#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdarg>
#include <deque>
#include <mutex>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>
#include <stop_token>
#include <system_error>
#include <thread>

#include "syolo/base/error.h"
#include "syolo/image/video_impl.h"

namespace syolo::image {
namespace {

constexpr std::size_t kAhead = 2;
// OpenCV gives up a blocked network read after this: the bound on how long its thread outlives us.
constexpr int kStreamTimeoutMs = 1500;
constexpr int kFirstOpenTimeoutMs = 10'000;
constexpr int kMaxDamagedFrames = 100;  // in a row, before a file counts as ended
constexpr std::chrono::seconds kFirstPause{1}, kLongestPause{30};

struct Source {
  std::string name;
  int camera = -1;
  bool address = false;
  bool live() const { return camera >= 0 || address; }
};

// Exceptions stay ours: OpenCV's own must not leave this file.
template <class Body>
auto guarded(Body&& body) {
  try {
    return body();
  } catch (const cv::Exception& error) {
    throw Error(ErrorKind::io, format("expected a video, found: {}", printable(error.err)));
  }
}

bool open_capture(cv::VideoCapture& capture, const Source& source, int open_timeout_ms) {
  return guarded([&] {
    if (source.camera >= 0) return capture.open(source.camera);
    if (source.address) {
      return capture.open(source.name, cv::CAP_FFMPEG,
                          {cv::CAP_PROP_OPEN_TIMEOUT_MSEC, open_timeout_ms,
                           cv::CAP_PROP_READ_TIMEOUT_MSEC, kStreamTimeoutMs});
    }
    // An absolute path cannot begin like one of FFmpeg's protocols ("concat:").
    const std::string path = std::filesystem::absolute(source.name).string();
    return capture.open(path, cv::CAP_FFMPEG) || capture.open(path, cv::CAP_OPENCV_MJPEG);
  });
}

Image to_rgb(const cv::Mat& frame) {
  Image image(frame.cols, frame.rows, 3);
  cv::Mat rgb(frame.rows, frame.cols, CV_8UC3, image.pixels.data());
  cv::cvtColor(frame, rgb, frame.channels() == 1 ? cv::COLOR_GRAY2RGB : cv::COLOR_BGR2RGB);
  return image;
}

class Reader final : public VideoReader {
 public:
  Reader(const std::string& name, std::int64_t max_pixels) :
      source_{name, camera_number(name), is_address(name)}, max_pixels_(max_pixels) {
    if (!source_.live()) check_file();
    if (!open_capture(capture_, source_, kFirstOpenTimeoutMs)) {
      throw Error(ErrorKind::io, source_.live()
                                     ? "expected a camera or stream, found none that answers"
                                     : "expected a video file, found one that cannot be read");
    }
    info_.size = {static_cast<int>(capture_.get(cv::CAP_PROP_FRAME_WIDTH)),
                  static_cast<int>(capture_.get(cv::CAP_PROP_FRAME_HEIGHT))};
    const double fps = capture_.get(cv::CAP_PROP_FPS);
    info_.fps = fps > 0 && fps < 1000 ? fps : 0;
    const double frames = source_.live() ? 0 : capture_.get(cv::CAP_PROP_FRAME_COUNT);
    info_.frames = frames > 0 && frames < 1e12 ? static_cast<std::int64_t>(frames) : 0;
    info_.live = source_.live();
    check_size(info_.size);
    thread_ = std::jthread([this](const std::stop_token& token) { read_all(token); });
  }
  ~Reader() override { stop(); }

  VideoInfo info() const override { return info_; }

  std::optional<Image> next() override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopped_ || ended_ || !ready_.empty(); });
    if (stopped_) return std::nullopt;
    if (ready_.empty()) {
      if (failure_ != nullptr) std::rethrow_exception(failure_);
      return std::nullopt;
    }
    Image image = std::move(ready_.front());
    ready_.pop_front();
    ++state_.read;
    changed_.notify_all();
    return image;
  }

  void stop() override {
    thread_.request_stop();
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

  VideoState state() const override {
    const std::scoped_lock lock(mutex_);
    return state_;
  }

 private:
  void check_file() const {
    std::error_code failed;
    const bool regular = std::filesystem::is_regular_file(source_.name, failed);
    if (failed || !regular) {
      throw Error(ErrorKind::io, format("expected a video file, found {}",
                                        failed ? failed.message() : "something else"));
    }
  }

  void check_size(Size size) const {
    if (std::int64_t{size.width} * size.height <= max_pixels_) return;
    throw Error(ErrorKind::limit, format("expected frames of at most {} pixels, found {}x{}",
                                         grouped(max_pixels_), size.width, size.height));
  }

  // The thread's whole life; what it throws, `next` throws.
  void read_all(const std::stop_token& token) {
    try {
      while (!token.stop_requested()) {
        read_until_lost(token);
        if (!source_.live() || !reconnect(token)) break;
      }
    } catch (...) {
      const std::scoped_lock lock(mutex_);
      failure_ = std::current_exception();
    }
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  void read_until_lost(const std::stop_token& token) {
    cv::Mat frame;
    std::int64_t count = 0;
    int damaged = 0;
    while (!token.stop_requested() && damaged < kMaxDamagedFrames) {
      if (!guarded([&] { return capture_.grab(); })) break;
      // A frame that cannot be decoded is left out, not repeated or blackened.
      const bool decoded = guarded([&] { return capture_.retrieve(frame) && !frame.empty(); });
      damaged = decoded ? 0 : damaged + 1;
      if (!decoded) continue;
      check_size({frame.cols, frame.rows});
      ++count;
      if (!hand_over(guarded([&] { return to_rgb(frame); }), token)) return;
    }
    // Containers announce counts that may be a little off: by rounding, or by frames that only
    // others refer to.
    if (source_.live() || token.stop_requested()) return;
    const std::scoped_lock lock(mutex_);
    state_.ended_early = count + 2 + info_.frames / 50 < info_.frames;
  }

  bool hand_over(Image image, const std::stop_token& token) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, token, [this] { return ready_.size() < kAhead; });
    if (token.stop_requested()) return false;
    ready_.push_back(std::move(image));
    state_.connected = true;
    changed_.notify_all();
    return true;
  }

  bool reconnect(const std::stop_token& token) {
    {
      const std::scoped_lock lock(mutex_);
      state_.connected = false;
    }
    auto pause = kFirstPause;
    while (!token.stop_requested()) {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, token, pause, [] { return false; });
      lock.unlock();
      if (token.stop_requested()) break;
      capture_.release();
      if (open_capture(capture_, source_, kStreamTimeoutMs)) {
        lock.lock();
        ++state_.reconnects;
        state_.connected = true;
        return true;
      }
      pause = std::min(2 * pause, kLongestPause);
    }
    return false;
  }

  Source source_;
  std::int64_t max_pixels_;
  VideoInfo info_;
  cv::VideoCapture capture_;  // of the thread, once it runs
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Image> ready_;
  VideoState state_;
  bool stopped_ = false, ended_ = false;
  std::exception_ptr failure_;
  std::jthread thread_;  // last: it is joined before anything it uses goes
};

class Writer final : public VideoWriter {
 public:
  Writer(const Path& path, Size size, double fps) : path_(path), size_(size) {
    std::string suffix = path.extension().string();
    std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (suffix != ".mp4" && suffix != ".avi") {
      throw Error(ErrorKind::usage, format("expected a name ending in .mp4 or .avi, found \"{}\"",
                                           printable(suffix)));
    }
    // The suffix chooses the container, so the unfinished file keeps it.
    part_ = path.parent_path() / ("." + path.stem().string() + ".part" + suffix);
    const int codec = suffix == ".mp4" ? cv::VideoWriter::fourcc('m', 'p', '4', 'v')
                                       : cv::VideoWriter::fourcc('M', 'J', 'P', 'G');
    const int backend = suffix == ".mp4" ? cv::CAP_FFMPEG : cv::CAP_OPENCV_MJPEG;
    const bool opened = guarded([&] {
      return writer_.open(part_.string(), backend, codec, fps, {size.width, size.height});
    });
    if (!opened) throw Error(ErrorKind::io, "expected a video that can be written, found none");
  }
  ~Writer() override {
    writer_.release();
    std::error_code ignored;  // nobody to tell in a destructor; the name says what it is
    if (!finished_) std::filesystem::remove(part_, ignored);
  }

  void write(ImageView frame) override {
    require(frame.size() == size_ && frame.channels == 3 && frame.bits == 8,
            "expected frames of {}x{}, 3 channels, 8 bits, found {}x{}, {} channels, {} bits",
            size_.width, size_.height, frame.width, frame.height, frame.channels, frame.bits);
    guarded([&] {
      // OpenCV takes no read-only views; it does not write to this one.
      const cv::Mat rgb(frame.height, frame.width, CV_8UC3, const_cast<std::byte*>(frame.data),
                        static_cast<std::size_t>(frame.row_bytes));
      cv::cvtColor(rgb, bgr_, cv::COLOR_RGB2BGR);
      writer_.write(bgr_);
      return true;
    });
  }

  void finish() override {
    guarded([&] {
      writer_.release();
      return true;
    });
    std::error_code failed;
    std::filesystem::rename(part_, path_, failed);
    if (failed) {
      throw Error(ErrorKind::io, format("expected a finished video, found: {}", failed.message()));
    }
    finished_ = true;
  }

 private:
  Path path_, part_;
  Size size_;
  cv::VideoWriter writer_;
  cv::Mat bgr_;
  bool finished_ = false;
};

std::unique_ptr<VideoReader> open(const std::string& source, std::int64_t max_pixels) {
  return std::make_unique<Reader>(source, max_pixels);
}

std::unique_ptr<VideoWriter> create(const Path& path, Size size, double fps) {
  return std::make_unique<Writer>(path, size, fps);
}

}  // namespace
}  // namespace syolo::image

namespace {

// FFmpeg prints what it dislikes about a file unless somebody takes its messages; OpenCV raises
// the level again with every opening. The function is looked up because only OpenCV is linked.
void silence() {
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
  using Callback = void (*)(void*, int, const char*, va_list);
  if (void* set_callback = dlsym(RTLD_DEFAULT, "av_log_set_callback")) {
    reinterpret_cast<void (*)(Callback)>(set_callback)([](void*, int, const char*, va_list) {});
  }
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const syolo::image::VideoModule*
syolo_video_module() {
  static constexpr syolo::image::VideoModule kModule = {syolo::image::kVideoModuleVersion,
                                                        "OpenCV " CV_VERSION, syolo::image::open,
                                                        syolo::image::create};
  static const bool silent = (silence(), true);
  return silent ? &kModule : nullptr;
}
