// Price lists as JSON: kept between runs, carried from one machine to another.
#pragma once

#include <string>

#include "app/cli/json.h"
#include "syolo/runtime/prices.h"

namespace syolo::cli {

struct PriceFile {
  std::string machine;  // processor
  int threads = 0;
  std::string precision;
  PriceList prices;
};

std::string price_json(const PriceFile& file);
/// @throws Error(input) for anything but a price list
PriceFile parse_prices(const std::string& text, const std::string& name);
PriceFile load_prices(const std::string& path);

/// The user's own list for this processor, threads and precision; empty when there is none or it
/// is damaged. `folder`: of measured choices; empty: kept nowhere.
PriceFile own_prices(const Path& folder, int threads, std::string_view precision);
void keep_prices(const Path& folder, const PriceFile& file);

}  // namespace syolo::cli
