// Errors carry places, and the reader that knows a place adds it without losing what is there.
#include "syolo/base/error.h"

#include <gtest/gtest.h>

#include "tests/support/weights_testing.h"

namespace syolo::test {
namespace {

TEST(WhereText, SaysFileLineAndItem) {
  EXPECT_EQ(to_text(Where{.file = "nets/a.cfg", .line = 41, .item = "[route], layer 5"}),
            "nets/a.cfg:41: [route], layer 5");
  EXPECT_EQ(to_text(Where{.file = "a.weights", .byte = 20}), "a.weights@20");
  EXPECT_EQ(to_text(Where{.file = "a.cfg"}), "a.cfg");
  EXPECT_EQ(to_text(Where{.file = {}, .item = "[route]"}), "[route]");
  EXPECT_EQ(to_text(Where{}), "");
}

TEST(WhereText, NeverPassesControlBytesOn) {
  EXPECT_EQ(to_text(Where{.file = "a\x1b[2J.cfg"}), "a\\x1b[2J.cfg");
}

TEST(ErrorText, StandsInTheOrderPlaceCauseRemedy) {
  const Error error(ErrorKind::input, "expected 1, found 2", {.file = "a.cfg", .line = 3},
                    "did you mean 1?");
  EXPECT_STREQ(error.what(), "a.cfg:3\n  expected 1, found 2\n  did you mean 1?");
  EXPECT_EQ(error.kind(), ErrorKind::input);
  EXPECT_EQ(error.text(), "expected 1, found 2");
  EXPECT_EQ(error.hint(), "did you mean 1?");
  EXPECT_STREQ(Error(ErrorKind::io, "cannot open").what(), "cannot open");
}

TEST(FindingText, NamesItsSeverity) {
  const Finding finding{Severity::warning, "rule", {.file = "a.cfg", .line = 3}, "odd"};
  EXPECT_EQ(to_text(finding), "a.cfg:3: warning: odd");
  EXPECT_EQ(to_text(Finding{Severity::note, "rule", {}, "odd"}), "note: odd");
  EXPECT_EQ(to_text(Finding{Severity::error, "rule", {}, "odd"}), "error: odd");
}

TEST(WithWhere, AddsAPlaceThatIsMissing) {
  const Error error = error_of([] {
    with_where({.file = "a.cfg", .line = 9, .item = "[route], layer 2"},
               [] { require(false, "expected {}, found {}", 1, 2); });
  });
  EXPECT_STREQ(error.what(), "a.cfg:9: [route], layer 2\n  expected 1, found 2");
  EXPECT_EQ(error.kind(), ErrorKind::input);
}

TEST(WithWhere, KeepsAPlaceThatIsThere) {
  const Where inner{.file = "inner.cfg", .line = 3, .item = "x"};
  const Error error = error_of([&] {
    with_where({.file = "outer.cfg", .line = 9, .item = "y"},
               [&] { throw Error(ErrorKind::limit, "too many", inner, "fewer"); });
  });
  EXPECT_STREQ(error.what(), "inner.cfg:3: x\n  too many\n  fewer");
  EXPECT_EQ(error.kind(), ErrorKind::limit);
}

TEST(WithWhere, FillsOnlyTheGaps) {
  const Error in_line = error_of([] {
    with_where({.file = "a.cfg", .line = 9, .item = "y"},
               [] { throw Error(ErrorKind::input, "t", {.file = {}, .line = 4}); });
  });
  EXPECT_STREQ(in_line.what(), "a.cfg:4: y\n  t");
  const Error in_byte = error_of([] {
    with_where({.file = "a.bin", .line = 9},
               [] { throw Error(ErrorKind::input, "t", {.file = {}, .byte = 0}); });
  });
  EXPECT_STREQ(in_byte.what(), "a.bin@0\n  t");
}

TEST(WithWhere, PassesValuesAndOtherExceptionsThrough) {
  EXPECT_EQ(with_where({.file = "a"}, [] { return 7; }), 7);
  int value = 1;
  int& alias = with_where({.file = "a"}, [&]() -> int& { return value; });
  alias = 2;
  EXPECT_EQ(value, 2);
  EXPECT_THROW(with_where({.file = "a"}, [] { throw std::bad_alloc(); }), std::bad_alloc);
}

TEST(Assertion, IsAnInternalErrorThatNamesItsPlace) {
  const Error error = error_of([] { SYOLO_ASSERT(1 > 2, "one is more"); });
  EXPECT_EQ(error.kind(), ErrorKind::internal);
  EXPECT_SAYS(error, "one is more");
  EXPECT_SAYS(error, "base_error_test.cpp");
  EXPECT_SAYS(error, "bug");
}

}  // namespace
}  // namespace syolo::test
