#include "app/cli/price_file.h"

#include <cmath>

#include "syolo/base/limits.h"
#include "syolo/base/parallel.h"
#include "syolo/base/rng.h"

namespace syolo::cli {
namespace {

constexpr std::string_view kFormat = "syolo prices 1";
constexpr std::int64_t kMostBytes = 64 << 20;

Path own_file(const Path& folder, const PriceFile& file) {
  std::uint64_t hash = 0;
  for (const char c : format("{}|{}|{}", file.machine, file.threads, file.precision)) {
    hash = mix64(hash ^ static_cast<unsigned char>(c));
  }
  return folder / format("prices-{:016x}.json", hash);
}

[[noreturn]] void not_prices(const std::string& name, const char* found) {
  throw Error(ErrorKind::input, format("expected a price list, found {}", found), {.file = name},
              "syolo fit --record FILE writes one");
}

}  // namespace

std::string price_json(const PriceFile& file) {
  Json layers = Json::object();
  for (const auto& [key, ms] : file.prices.ms) layers[key] = rounded(ms, 6);
  return document({{"format", kFormat},
                   {"machine", file.machine},
                   {"threads", file.threads},
                   {"precision", file.precision},
                   {"spread", rounded(file.prices.spread, 4)},
                   {"ms", std::move(layers)}});
}

PriceFile parse_prices(const std::string& text, const std::string& name) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || json.value("format", Json()) != kFormat) {
    not_prices(name, "another file");
  }
  PriceFile file;
  const Json machine = json.value("machine", Json()), threads = json.value("threads", Json());
  const Json precision = json.value("precision", Json()), spread = json.value("spread", Json());
  const Json ms = json.value("ms", Json());
  if (!machine.is_string() || !threads.is_number_integer() || !precision.is_string() ||
      !spread.is_number() || !ms.is_object()) {
    not_prices(name, "one with a part missing");
  }
  file.machine = machine.get<std::string>();
  file.threads = threads.get<int>();
  file.precision = precision.get<std::string>();
  file.prices.spread = spread.get<double>();
  if (!(file.prices.spread >= 1 && file.prices.spread < 100)) not_prices(name, "a wrong spread");
  for (const auto& [key, value] : ms.items()) {
    const double price = value.is_number() ? value.get<double>() : -1;
    if (!(price >= 0 && price < 1e7)) not_prices(name, "a price that is no time");
    file.prices.ms[key] = price;
  }
  return file;
}

PriceFile load_prices(const std::string& path) {
  return parse_prices(read_text(path, kMostBytes), path);
}

PriceFile own_prices(const Path& folder, int threads, std::string_view precision) {
  PriceFile own{cpu_model(), threads, std::string(precision), {}};
  if (folder.empty()) return own;
  const Path path = own_file(folder, own);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return own;
  try {
    PriceFile kept = load_prices(path.string());
    if (kept.machine == own.machine && kept.threads == threads) return kept;
  } catch (const Error&) {  // damaged or unreadable: measured again
  }
  return own;
}

void keep_prices(const Path& folder, const PriceFile& file) {
  if (folder.empty()) return;
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  try {
    write_file_atomic(own_file(folder, file), price_json(file));
  } catch (const Error&) {  // a cache that cannot be written only costs the next run's time
  }
}

}  // namespace syolo::cli
