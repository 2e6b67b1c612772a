#include "tests/fuzz/mutate.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace syolo::fuzz {
namespace {

constexpr std::size_t kMostBytes = 256 << 10;

std::size_t below(std::size_t n, Rng& rng) {
  return static_cast<std::size_t>(rng.below(static_cast<int>(std::max<std::size_t>(n, 1))));
}

void change_byte(std::string& text, Rng& rng) {
  if (text.empty()) return;
  char& byte = text[below(text.size(), rng)];
  switch (rng.below(4)) {
    case 0:
      byte = static_cast<char>(rng.below(256));
      break;
    case 1:
      byte = static_cast<char>(byte ^ (1 << rng.below(8)));
      break;
    case 2:
      byte = static_cast<char>(byte + 1);
      break;
    default:
      byte = static_cast<char>(byte - 1);
      break;
  }
}

/// A 4- or 8-byte number in place: sizes, offsets, floats.
void change_word(std::string& text, Rng& rng) {
  constexpr std::array<std::uint64_t, 10> kWords = {
      0,          1,          0x7FFFFFFF,         0x80000000,         0xFFFFFFFF,
      0x7F800000, 0xFFC00000, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF};
  const std::uint64_t word = kWords[below(kWords.size(), rng)];
  const std::size_t width = rng.chance(0.5) ? 4 : 8;
  if (text.size() < width) return;
  std::memcpy(text.data() + below(text.size() - width + 1, rng), &word, width);
}

void cut_piece(std::string& text, Rng& rng) {
  const std::size_t at = below(text.size() + 1, rng);
  if (rng.chance(0.3)) return text.resize(at);
  text.erase(at, 1 + below(16, rng));
}

void double_piece(std::string& text, Rng& rng) {
  const std::size_t at = below(text.size() + 1, rng);
  const std::string piece = text.substr(at, 1 + below(64, rng));
  const int times = rng.chance(0.05) ? 200 : 1;
  std::string many;
  for (int i = 0; i < times; ++i) many += piece;
  text.insert(below(text.size() + 1, rng), many);
}

/// Another number where digits stand.
void change_number(std::string& text, Rng& rng) {
  constexpr std::array<std::string_view, 14> kNumbers = {
      "0",   "-1",    "1",   "2147483647", "2147483648", "-9", "1e999", "", "18446744073709551616",
      "NaN", "65536", "0.5", "null",       "007"};
  const std::size_t from = below(text.size(), rng);
  const auto is_digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  const auto first =
      std::find_if(text.begin() + static_cast<std::ptrdiff_t>(from), text.end(), is_digit);
  const auto last = std::find_if_not(first, text.end(), is_digit);
  if (first == text.end()) return;
  text.replace(first, last, kNumbers[below(kNumbers.size(), rng)]);
}

void insert_token(std::string& text, Rng& rng) {
  constexpr std::array<std::string_view, 22> kTokens = {
      "\n",
      "\r",
      "\r\n",
      "\xEF\xBB\xBF",
      "=",
      "[",
      "]",
      "#",
      ";",
      ",",
      "{",
      "}",
      "\"",
      "\\u0000",
      "[net]\n",
      "[route]\nlayers=-1\n",
      "[convolutional]\nfilters=65536\nsize=181\n",
      "[shortcut]\nfrom=-9\n",
      "\"__metadata__\":{}",
      "\xFF",
      "mask=0,9999\n",
      "\xC3\x28"};
  std::string_view token = kTokens[below(kTokens.size(), rng)];
  const std::string long_word(65'536, 'a');
  if (rng.chance(0.02)) token = long_word;
  text.insert(below(text.size() + 1, rng), token);
}

void move_lines(std::string& text, Rng& rng) {
  const std::size_t begin = text.find('\n', below(text.size() + 1, rng));
  if (begin == std::string::npos) return;
  std::size_t end = begin;
  for (int lines = 1 + rng.below(8); lines > 0 && end != std::string::npos; --lines) {
    end = text.find('\n', end + 1);
  }
  const std::string block = text.substr(begin, end == std::string::npos ? end : end - begin);
  if (rng.chance(0.7)) text.erase(begin, block.size());
  const std::size_t to = text.find('\n', below(text.size() + 1, rng));
  if (rng.chance(0.6)) text.insert(to == std::string::npos ? text.size() : to, block);
}

void splice(std::string& text, const std::string& other, Rng& rng) {
  text.resize(below(text.size() + 1, rng));
  text += other.substr(below(other.size() + 1, rng));
}

}  // namespace

std::string mutated(const std::vector<std::string>& seeds, Rng& rng) {
  std::string text = seeds[below(seeds.size(), rng)];
  for (int edits = 1 + rng.below(4); edits > 0; --edits) {
    switch (rng.below(8)) {
      case 0:
        change_byte(text, rng);
        break;
      case 1:
        change_word(text, rng);
        break;
      case 2:
        cut_piece(text, rng);
        break;
      case 3:
        double_piece(text, rng);
        break;
      case 4:
        change_number(text, rng);
        break;
      case 5:
        insert_token(text, rng);
        break;
      case 6:
        move_lines(text, rng);
        break;
      default:
        splice(text, seeds[below(seeds.size(), rng)], rng);
        break;
    }
  }
  if (text.size() > kMostBytes) text.resize(kMostBytes);
  return text;
}

}  // namespace syolo::fuzz
