// Operations of protocol 2: docs/formats.md.

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <unordered_map>

#include "syolo/base/error.h"
#include "syolo/base/text.h"
#include "syolo/weights/formats/pickle_impl.h"

namespace syolo::weights {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t kMostValues = 400'000;

/// Functions that a checkpoint may call, and what stands for their result.
struct Call {
  std::string_view name;
  Kind result;
};
constexpr std::array<Call, 11> kCalls = {{
    {"torch._utils\n_rebuild_tensor_v2", Kind::tensor},
    {"torch._utils\n_rebuild_parameter", Kind::tensor},  // of its first argument
    {"collections\nOrderedDict", Kind::dict},
    {"__builtin__\nset", Kind::opaque},
    {"builtins\nset", Kind::opaque},
    {"torch\nSize", Kind::tuple},
    {"torch\ndevice", Kind::opaque},
    {"_codecs\nencode", Kind::opaque},
    {"numpy.core.multiarray\nscalar", Kind::opaque},
    {"numpy.core.multiarray\n_reconstruct", Kind::opaque},
    {"numpy\ndtype", Kind::opaque},
}};

std::string dotted(std::string_view name) {
  std::string text(name);
  std::replace(text.begin(), text.end(), '\n', '.');
  return printable(text, 120);
}

class Machine {
 public:
  Machine(std::string_view bytes, std::int64_t first_byte) :
      bytes_(bytes), first_byte_(first_byte) {}

  Pickle run() {
    while (!stopped_) {
      begin_ = at_;
      step(static_cast<unsigned char>(take(1)[0]));
    }
    return {std::move(values_), root_, at_};
  }

 private:
  [[noreturn]] void fail(ErrorKind kind, std::string text) const {
    throw Error(kind, std::move(text),
                {.file = {}, .byte = first_byte_ + static_cast<std::int64_t>(begin_), .item = {}});
  }
  void expect(bool condition, const char* what) const {
    if (!condition) fail(ErrorKind::input, format("expected {}", what));
  }

  // -- bytes ----------------------------------------------------------------------------------

  std::string_view take(std::size_t count) {
    expect(count <= bytes_.size() - at_, "more bytes: the pickle is cut off");
    const std::string_view taken = bytes_.substr(at_, count);
    at_ += count;
    return taken;
  }
  /// Little-endian, unsigned.
  std::uint64_t number(std::size_t width) {
    const std::string_view raw = take(width);
    std::uint64_t value = 0;
    for (std::size_t i = width; i-- > 0;) value = value << 8 | static_cast<unsigned char>(raw[i]);
    return value;
  }
  std::string_view line() {
    const std::size_t end = bytes_.find('\n', at_);
    expect(end != std::string_view::npos, "the end of a line");
    const std::string_view text = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return text;
  }

  // -- values ---------------------------------------------------------------------------------

  PickleValue& push(Kind kind) {
    if (values_.size() >= kMostValues) {
      fail(ErrorKind::limit, format("expected at most {} values, found more",
                                    grouped(static_cast<std::int64_t>(kMostValues))));
    }
    stack_.push_back(static_cast<PickleId>(values_.size()));
    PickleValue value;
    value.kind = kind;
    return values_.emplace_back(std::move(value));
  }
  void push(Kind kind, std::vector<PickleId> items) {
    hold(items.size());
    push(kind).items = std::move(items);
  }
  /// Counts what containers hold: a remembered one can be copied by two bytes.
  void hold(std::size_t items) {
    held_ += items;
    if (held_ > kMostValues) fail(ErrorKind::limit, "expected fewer items in containers");
  }
  void push_integer(std::int64_t value) { push(Kind::integer).integer = value; }
  void push_boolean(bool value) { push(Kind::boolean).integer = value ? 1 : 0; }
  void push_text(std::string_view text) { push(Kind::text).text = text; }

  /// Values above the last mark are not reached across it.
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  PickleId pop() {
    expect(stack_.size() > floor(), "a value on the stack");
    const PickleId id = stack_.back();
    stack_.pop_back();
    return id;
  }
  PickleValue& top() {
    expect(stack_.size() > floor(), "a value on the stack");
    return values_[stack_.back()];
  }
  std::vector<PickleId> pop_to_mark() {
    expect(!marks_.empty(), "a mark on the stack");
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleId> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return items;
  }
  std::vector<PickleId> pop_last(std::size_t count) {
    std::vector<PickleId> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    return items;
  }
  void append(Kind kind, const std::vector<PickleId>& items) {
    PickleValue& target = top();
    expect(target.kind == kind, kind == Kind::dict ? "a dict to fill" : "a list to fill");
    expect(kind != Kind::dict || items.size() % 2 == 0, "keys with values");
    hold(items.size());
    target.items.insert(target.items.end(), items.begin(), items.end());
  }

  // -- what calls stand for -------------------------------------------------------------------

  void call() {
    const PickleId arguments = pop(), function = pop();
    expect(values_[arguments].kind == Kind::tuple, "arguments in a tuple");
    expect(values_[function].kind == Kind::name, "the name of a function");
    const std::string_view name = values_[function].text;
    const auto row = std::find_if(kCalls.begin(), kCalls.end(),
                                  [&](const Call& known) { return known.name == name; });
    if (row == kCalls.end()) {
      fail(ErrorKind::unsupported,
           format("the file wants to call {}, which no tensor needs; nothing was run",
                  dotted(name)));
    }
    const std::vector<PickleId>& given = values_[arguments].items;
    if (row->name == "torch._utils\n_rebuild_parameter") {
      expect(!given.empty() && values_[given[0]].kind == Kind::tensor, "a tensor as a parameter");
      stack_.push_back(given[0]);
      return;
    }
    std::vector<PickleId> items;
    if (row->result == Kind::tensor) {
      expect(given.size() >= 4, "storage, offset, size and stride of a tensor");
      items = given;
    }
    if (row->result == Kind::tuple && !given.empty()) items = values_[given[0]].items;
    if (row->result == Kind::dict) items = pairs_of(given);
    push(row->result, std::move(items));
  }

  /// OrderedDict([[key, value], ...]).
  std::vector<PickleId> pairs_of(const std::vector<PickleId>& given) const {
    std::vector<PickleId> items;
    if (given.empty()) return items;
    for (const PickleId pair : values_[given[0]].items) {
      expect(values_[pair].items.size() == 2, "pairs of key and value");
      items.insert(items.end(), values_[pair].items.begin(), values_[pair].items.end());
    }
    return items;
  }

  void build_object() {
    const PickleId arguments = pop(), type = pop();
    expect(values_[arguments].kind == Kind::tuple && values_[type].kind == Kind::name,
           "a class and a tuple");
    push(Kind::object, {type});
  }

  void set_state() {
    const PickleId state = pop();
    PickleValue& object = top();
    if (object.kind != Kind::object) return;  // hooks of a tensor, state of a dict's class
    expect(object.items.size() == 1, "an object without state");
    object.items.push_back(state);
  }

  /// A storage; in old files also a class with its source, of which the class is kept.
  void persistent(PickleId id) {
    expect(values_[id].kind == Kind::tuple, "a tuple that names a storage");
    const std::vector<PickleId> items = values_[id].items;
    if (items.size() >= 2 && values_[items[0]].text == "module") {
      expect(values_[items[1]].kind == Kind::name, "a class");
      return stack_.push_back(items[1]);
    }
    push(Kind::persistent, items);
  }

  void remember(std::uint64_t slot) {
    expect(stack_.size() > floor(), "a value to remember");
    memo_[slot] = stack_.back();
  }
  void recall(std::uint64_t slot) {
    const auto known = memo_.find(slot);
    expect(known != memo_.end(), "a remembered value");
    stack_.push_back(known->second);
    expect(stack_.size() <= bytes_.size(), "a stack within the file's size");
  }

  void long_integer() {
    const std::size_t width = static_cast<std::size_t>(number(1));
    if (width > 8) {  // only the magic number of old files is longer
      push(Kind::text).text = take(width);
      return;
    }
    std::uint64_t value = number(width);
    if (width > 0 && width < 8 && (value >> (8 * width - 1) & 1) != 0) {
      value |= ~std::uint64_t{0} << (8 * width);
    }
    push_integer(static_cast<std::int64_t>(value));
  }

  void real() {
    const std::string_view raw = take(8);
    std::uint64_t bits = 0;
    for (const char byte : raw) bits = bits << 8 | static_cast<unsigned char>(byte);
    push(Kind::real).real = std::bit_cast<double>(bits);
  }

  void name() {
    const std::size_t begin = at_;
    line(), line();
    push(Kind::name).text = bytes_.substr(begin, at_ - begin - 1);
  }

  /// True: it was a constant or a number.
  bool literal(unsigned char code) {
    switch (code) {
      case 'N':
        push(Kind::none);
        return true;
      case 0x88:
      case 0x89:
        push_boolean(code == 0x88);
        return true;
      case 'J':
        push_integer(static_cast<std::int32_t>(number(4)));
        return true;
      case 'K':
      case 'M':
        push_integer(static_cast<std::int64_t>(number(code == 'K' ? 1 : 2)));
        return true;
      case 0x8A:
        long_integer();
        return true;
      case 'G':
        real();
        return true;
      case 'X':
        push_text(take(static_cast<std::size_t>(number(4))));
        return true;
      case 'U':
        push_text(take(static_cast<std::size_t>(number(1))));
        return true;
      default:
        return false;
    }
  }

  /// True: it made or filled a container.
  bool container(unsigned char code) {
    switch (code) {
      case '(':
        marks_.push_back(stack_.size());
        return true;
      case ')':
      case ']':
      case '}':
        push(code == ')' ? Kind::tuple : code == ']' ? Kind::list : Kind::dict);
        return true;
      case 't':
      case 'l':
        push(code == 't' ? Kind::tuple : Kind::list, pop_to_mark());
        return true;
      case 0x85:
      case 0x86:
      case 0x87:
        push(Kind::tuple, pop_last(static_cast<std::size_t>(code - 0x84)));
        return true;
      case 'a':
        append(Kind::list, pop_last(1));
        return true;
      case 'e':
        append(Kind::list, pop_to_mark());
        return true;
      case 's':
        append(Kind::dict, pop_last(2));
        return true;
      case 'u':
        append(Kind::dict, pop_to_mark());
        return true;
      default:
        return false;
    }
  }

  void step(unsigned char code) {
    if (literal(code) || container(code)) return;
    switch (code) {
      case 0x80: {
        const std::uint64_t protocol = number(1);
        expect(protocol == 2 || protocol == 3, "protocol 2 or 3");
        return;
      }
      case '.':
        root_ = pop();
        stopped_ = true;
        return;
      case 'q':
        return remember(number(1));
      case 'r':
        return remember(number(4));
      case 'h':
        return recall(number(1));
      case 'j':
        return recall(number(4));
      case 'c':
        return name();
      case 'R':
        return call();
      case 0x81:
        return build_object();
      case 'b':
        return set_state();
      case 'Q':
        return persistent(pop());
      default:
        fail(ErrorKind::unsupported,
             format("operation 0x{:02X} of the pickle is none that tensors need; nothing was run",
                    static_cast<unsigned>(code)));
    }
  }

  std::string_view bytes_;
  std::int64_t first_byte_;  // of the file, for messages
  std::size_t at_ = 0, begin_ = 0, held_ = 0;
  std::vector<PickleValue> values_;
  std::vector<PickleId> stack_;
  std::vector<std::size_t> marks_;  // sizes of the stack
  std::unordered_map<std::uint64_t, PickleId> memo_;
  PickleId root_ = 0;
  bool stopped_ = false;
};

}  // namespace

const PickleValue* Pickle::find(const PickleValue& dict, std::string_view key) const {
  if (dict.kind != Kind::dict) return nullptr;
  for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const PickleValue& name = values[dict.items[i]];
    if (name.kind == Kind::text && name.text == key) return &values[dict.items[i + 1]];
  }
  return nullptr;
}

const PickleValue* Pickle::state(const PickleValue& object) const {
  if (object.kind != Kind::object || object.items.size() != 2) return nullptr;
  const PickleValue& state = values[object.items[1]];
  return state.kind == Kind::dict ? &state : nullptr;
}

Pickle read_pickle(std::string_view bytes, std::int64_t first_byte) {
  return Machine(bytes, first_byte).run();
}

}  // namespace syolo::weights
