// Video through the module: files that are whole, cut and empty, and a stream that is lost, comes
// back and stalls. Without the module these tests are skipped.

#include "syolo/image/video.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "syolo/image/video_impl.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/image/image_testing.h"

namespace syolo::test {
namespace {

using Clock = std::chrono::steady_clock;

class Video : public testing::Test {
 protected:
  void SetUp() override {
    const VideoSupport support = video_support();
    if (!support.available) GTEST_SKIP() << support.text;
  }
};

// Frame n is of one colour that names it.
Image frame_number(int n, Size size = {64, 48}) {
  Image image(size.width, size.height, 3);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      set_value(image, x, y, 0, 20 * n), set_value(image, x, y, 1, 128);
      set_value(image, x, y, 2, 255 - 20 * n);
    }
  }
  return image;
}

void write_video(const Path& path, int frames) {
  const auto writer = create_video(path, {64, 48}, 10);
  for (int n = 0; n < frames; ++n) writer->write(frame_number(n).view());
  writer->finish();
}

int count_frames(VideoReader& reader) {
  int count = 0;
  while (reader.next()) ++count;
  return count;
}

TEST_F(Video, ReadsBackWhatItWrites) {
  const TempDir folder;
  for (const char* name : {"a.avi", "a.mp4"}) {
    SCOPED_TRACE(name);
    write_video(folder / name, 10);
    const auto reader = open_video((folder / name).string());
    EXPECT_EQ(reader->info().size, (Size{64, 48}));
    EXPECT_NEAR(reader->info().fps, 10, 0.01);
    EXPECT_EQ(reader->info().frames, 10);
    EXPECT_FALSE(reader->info().live);
    for (int n = 0; n < 10; ++n) {
      const auto frame = reader->next();
      ASSERT_TRUE(frame.has_value()) << n;
      EXPECT_LT(mean_difference(*frame, frame_number(n)), 6) << n;
    }
    EXPECT_FALSE(reader->next().has_value());  // the end is no error, however often asked
    EXPECT_FALSE(reader->next().has_value());
    EXPECT_EQ(reader->state().read, 10);
    EXPECT_FALSE(reader->state().ended_early);
  }
}

// B135.
TEST_F(Video, CountsTheFramesOfACutFile) {
  const TempDir folder;
  write_video(folder / "whole.avi", 12);
  const std::string bytes = read_text(folder / "whole.avi", 1 << 24);
  const auto cut = folder.write("cut.avi", std::string_view(bytes).substr(0, bytes.size() / 2));
  const auto reader = open_video(cut.string());
  const int count = count_frames(*reader);
  EXPECT_GT(count, 2);
  EXPECT_LT(count, 8);
  EXPECT_EQ(reader->state().read, count);
  EXPECT_TRUE(reader->state().ended_early);
}

TEST_F(Video, RefusesWhatIsNoVideo) {
  const TempDir folder;
  const auto text = folder.write("text.mp4", "not a video");
  EXPECT_EQ(error_kind([&] { open_video(text.string()); }), "io");
  EXPECT_EQ(error_kind([&] { open_video((folder / "missing.mp4").string()); }), "io");
  EXPECT_EQ(error_kind([&] { open_video(folder.path().string()); }), "io");
  write_video(folder / "a.avi", 2);
  EXPECT_EQ(error_kind([&] { open_video((folder / "a.avi").string(), 64 * 48 - 1); }), "limit");
}

TEST_F(Video, LeavesNothingBehindUnlessFinished) {
  const TempDir folder;
  { create_video(folder / "a.avi", {64, 48}, 10)->write(frame_number(1).view()); }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_EQ(error_kind([&] { create_video(folder / "a.mkv", {64, 48}, 10); }), "usage");
  EXPECT_EQ(error_kind([&] { create_video(folder / "a.avi", {64, 48}, 0); }), "input");
  EXPECT_EQ(error_kind([&] { create_video(folder / "no" / "a.avi", {64, 48}, 10); }), "io");
  const auto writer = create_video(folder / "b.avi", {64, 48}, 10);
  EXPECT_EQ(error_kind([&] { writer->write(frame_number(1, {32, 48}).view()); }), "input");
}

TEST_F(Video, StopsAFileInTheMiddle) {
  const TempDir folder;
  write_video(folder / "a.avi", 12);
  const auto reader = open_video((folder / "a.avi").string());
  ASSERT_TRUE(reader->next().has_value());
  reader->stop();
  EXPECT_FALSE(reader->next().has_value());
  EXPECT_FALSE(reader->state().ended_early);
}

// A server of JPEG pictures over HTTP: sends `frames`, then closes or stalls.
class PictureServer {
 public:
  PictureServer() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr address{};  // of IPv4: two bytes of port, four of address
    address.sa_family = AF_INET;
    address.sa_data[2] = 127, address.sa_data[5] = 1;
    socklen_t length = sizeof(address);
    EXPECT_EQ(bind(listener_, &address, length), 0);
    EXPECT_EQ(listen(listener_, 4), 0);
    EXPECT_EQ(getsockname(listener_, &address, &length), 0);
    const auto byte = [&](int i) { return static_cast<unsigned char>(address.sa_data[i]); };
    port_ = byte(0) << 8 | byte(1);
  }
  ~PictureServer() { close(listener_); }
  PictureServer(const PictureServer&) = delete;
  PictureServer& operator=(const PictureServer&) = delete;

  std::string address() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

  int serve(int frames) const {
    const int peer = accept(listener_, nullptr, nullptr);
    std::array<char, 4096> request{};  // read, or closing would throw away what was sent
    EXPECT_GT(recv(peer, request.data(), request.size(), 0), 0);
    put(peer, "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=x\r\n\r\n");
    for (int n = 0; n < frames; ++n) {
      const auto jpeg = encode_jpeg(frame_number(n % 12).view());
      put(peer, "--x\r\nContent-Type: image/jpeg\r\nContent-Length: " +
                    std::to_string(jpeg.size()) + "\r\n\r\n");
      put(peer, {reinterpret_cast<const char*>(jpeg.data()), jpeg.size()});
      put(peer, "\r\n");
    }
    return peer;
  }

 private:
  static void put(int peer, std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = send(peer, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  int listener_;
  int port_ = 0;
};

// B132, B134.
TEST_F(Video, ReconnectsALostStreamAndStopsAStalledOne) {
  const PictureServer server;
  std::atomic<int> stalled = -1;
  std::jthread serving([&] {
    close(server.serve(40));
    stalled = server.serve(40);
  });
  const auto reader = open_video(server.address());
  EXPECT_TRUE(reader->info().live);
  auto counting = std::async(std::launch::async, [&] { return count_frames(*reader); });
  serving.join();
  const auto deadline = Clock::now() + std::chrono::seconds(5);
  while (reader->state().read < 80 && Clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(reader->state().reconnects, 1);
  const auto stopping = Clock::now();
  reader->stop();
  const int count = counting.get();
  EXPECT_LT(Clock::now() - stopping, std::chrono::milliseconds(200));
  EXPECT_EQ(count, 80);  // not one more than were sent
  close(stalled);
}

TEST(VideoNames, TellsCamerasAndAddressesFromFiles) {
  EXPECT_EQ(image::camera_number("0"), 0);
  EXPECT_EQ(image::camera_number("12"), 12);
  for (const char* name : {"", "-1", "1.mp4", "0x1", "1234"}) {
    EXPECT_EQ(image::camera_number(name), -1) << name;
  }
  EXPECT_TRUE(image::is_address("rtsp://camera/1"));
  for (const char* name : {"a.mp4", "://x", "a b://x", "/x/http://y"}) {
    EXPECT_FALSE(image::is_address(name)) << name;
  }
}

}  // namespace
}  // namespace syolo::test
