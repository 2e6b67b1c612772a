// Text helpers hold their strict promises on every kind of input a file can hold.
#include "syolo/base/text.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "syolo/base/rng.h"

namespace syolo::test {
namespace {

using Views = std::vector<std::string_view>;

TEST(ParseInt, TakesWholeNumbersOnly) {
  EXPECT_EQ(parse_int("0"), 0);
  EXPECT_EQ(parse_int("-17"), -17);
  EXPECT_EQ(parse_int("007"), 7);
  EXPECT_EQ(parse_int("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parse_int("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  for (const std::string_view text :
       {"", " ", "-", "+", "+-1", "--1", "++1", "1 ", " 1", "30abc", "30 40", "1.0", "1e3", "0x10",
        "9223372036854775808", "-9223372036854775809", "1,", "\xD9\xA1", "nan"}) {
    EXPECT_EQ(parse_int(text), std::nullopt) << '"' << text << '"';
  }
  EXPECT_EQ(parse_int(std::string_view("1\0", 2)), std::nullopt);
}

TEST(ParseReal, TakesFiniteNumbersOnly) {
  EXPECT_EQ(parse_real("0.1"), 0.1);
  EXPECT_EQ(parse_real("-2.5e-3"), -2.5e-3);
  EXPECT_EQ(parse_real(".7"), 0.7);
  EXPECT_EQ(parse_real("3."), 3.0);
  for (const std::string_view text : {"", ".", "-", "1e", "1e999", "-1e999", "nan", "inf", "-inf",
                                      "infinity", "0x1p3", "1,5", "1.5 ", " 1.5", "1.5f", "+-1"}) {
    EXPECT_EQ(parse_real(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(Lines, EndWithAnyOfTheThreeLineEnds) {
  const Views want = {"a", "", "b"};
  EXPECT_EQ(lines("a\n\nb"), want);
  EXPECT_EQ(lines("a\r\n\r\nb"), want);
  EXPECT_EQ(lines("a\r\rb"), want);
  EXPECT_EQ(lines("a\n\nb\n"), want);
  EXPECT_EQ(lines("a\r\n\nb\r"), want);
  EXPECT_EQ(lines("\xEF\xBB\xBF"
                  "a\n\nb"),
            want);
}

TEST(Lines, KeepBlanksAndAByteOrderMarkInside) {
  EXPECT_EQ(lines(" a \n\xEF\xBB\xBF"
                  "b"),
            (Views{" a ",
                   "\xEF\xBB\xBF"
                   "b"}));
}

TEST(Lines, OfNothingAreNone) {
  EXPECT_TRUE(lines("").empty());
  EXPECT_TRUE(lines("\xEF\xBB\xBF").empty());
  EXPECT_EQ(lines("\n"), Views{""});
}

TEST(Split, KeepsEmptyParts) {
  EXPECT_EQ(split("a,,b,", ','), (Views{"a", "", "b", ""}));
  EXPECT_EQ(split("", ','), Views{""});
}

TEST(Trim, DropsBlanksAtBothEndsOnly) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \t\r\n"), "");
}

TEST(Nearest, FindsTheMisspeltWord) {
  constexpr std::array<std::string_view, 4> words = {"mish", "swish", "leaky", "logistic"};
  EXPECT_EQ(nearest("mich", words), "mish");
  EXPECT_EQ(nearest("swich", words), "swish");
  EXPECT_EQ(nearest("logistik", words), "logistic");
  EXPECT_EQ(nearest("leaky", words), "leaky");
  EXPECT_EQ(nearest("msih", words), "mish");  // two letters swapped are one mistake
  EXPECT_EQ(nearest("lekay", words), "leaky");
}

TEST(Nearest, IsSilentWhenNothingIsNear) {
  constexpr std::array<std::string_view, 2> words = {"mish", "logistic"};
  EXPECT_EQ(nearest("convolutional", words), "");
  EXPECT_EQ(nearest("x", std::span<const std::string_view>()), "");
  EXPECT_EQ(nearest(std::string(100'000, 'm'), words), "");
}

TEST(Grouped, SetsACommaEveryThreeDigits) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(-999), "-999");
  EXPECT_EQ(grouped(-123456), "-123,456");
  EXPECT_EQ(grouped(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(Printable, KeepsCleanText) {
  EXPECT_EQ(printable("caf\xC3\xA9 \xE6\x97\xA5 \xF0\x9F\x90\x95"),
            "caf\xC3\xA9 \xE6\x97\xA5 \xF0\x9F\x90\x95");
}

TEST(Printable, SpellsOutControlBytes) {
  EXPECT_EQ(printable("a\x1b[31mb\n\t\x7f"), "a\\x1b[31mb\\x0a\\x09\\x7f");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\xC2\x9B"), "\\xc2\\x9b");  // C1: a terminal reads it as an escape
}

TEST(Printable, SpellsOutBrokenUtf8) {
  EXPECT_EQ(printable("\xC3\x28"), "\\xc3(");                        // no continuation
  EXPECT_EQ(printable("\xC0\xAF"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(printable("\xE0\x80\xAF"), "\\xe0\\x80\\xaf");           // overlong
  EXPECT_EQ(printable("\xED\xA0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(printable("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
  EXPECT_EQ(printable("\xE6\x97"), "\\xe6\\x97");                    // cut off
}

TEST(Printable, IsNeverLongerThanAsked) {
  EXPECT_EQ(printable("12345", 5), "12345");
  for (const std::string_view pattern : {"a", "\x01", "\xE6\x97\xA5", "\xFF"}) {
    std::string text;
    for (int i = 0; i < 100; ++i) text += pattern;
    for (const std::size_t most : {3U, 4U, 10U, 11U, 12U, 60U, 200U}) {
      EXPECT_LE(printable(text, most).size(), most) << pattern;
    }
  }
  EXPECT_TRUE(printable(std::string(1000, 'a')).ends_with("..."));
}

TEST(Printable, OfAnyBytesIsPrintable) {
  for (std::uint64_t sample = 0; sample < 2000; ++sample) {
    Rng rng(3, Stream::test, 0, sample);
    std::string text;
    for (int n = rng.below(30); n > 0; --n) text += static_cast<char>(rng.below(256));
    const std::string clean = printable(text);
    EXPECT_EQ(printable(clean, 1000), clean) << sample;  // nothing left to replace
  }
}

TEST(Format, TakesTheUsualFields) {
  EXPECT_EQ(format("{} {:>4} {:.2f} {}", 7, "ab", 1.0 / 3, true), "7   ab 0.33 true");
  EXPECT_EQ(format("{}", std::uint64_t{18446744073709551615U}), "18446744073709551615");
}

}  // namespace
}  // namespace syolo::test
