// Plots as lists of shapes, written as SVG or painted as a picture: both show the same. Light
// ground, dark text.
#pragma once

#include <string>
#include <vector>

#include "syolo/image/draw.h"

namespace syolo {

struct PlotPoint {
  double x = 0, y = 0;
};

enum class TextAlign { start, middle, end };  // of a text's x

struct PlotShape {
  enum class Kind { line, box, text };
  Kind kind = Kind::line;
  std::vector<PlotPoint> points;  // of a box: two corners; of a text: the place of its middle line
  Color color;
  double width = 1;  // of a line
  std::string text = {};
  TextAlign align = TextAlign::start;
};

/// Sizes are pixels of the picture and units of the SVG.
struct Sheet {
  Size size;
  std::vector<PlotShape> shapes;
};
std::string svg_of(const Sheet& sheet);
Image image_of(const Sheet& sheet);  // RGB, 8 bits

struct Series {
  std::string name;
  std::vector<PlotPoint> points;  // in 0..1, but for panels
  Color color;
  double width = 2;
  bool dots = false;  // of panels: points that no line joins
};
/// Lines over the unit square. The legend lists every series.
struct LinePlot {
  std::string title, x, y;
  std::vector<Series> series;
};
Sheet sheet_of(const LinePlot& plot);

/// Small line plots in a grid, each with axes of its own: x from the least to the greatest value, y
/// from 0 (or the least value below it) to a round number above all. Legends where a panel has
/// several series.
struct Panel {
  std::string title;
  std::vector<Series> series;  // in any units
};
Sheet sheet_of(const std::string& title, const std::vector<Panel>& panels, int columns);

/// Counts by row and column, shaded by the share of the row.
struct TablePlot {
  std::string title, row_title, column_title;
  std::vector<std::string> rows, columns;
  std::vector<std::int64_t> counts;  // row by row
};
Sheet sheet_of(const TablePlot& plot);

}  // namespace syolo
