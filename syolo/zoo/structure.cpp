#include "syolo/zoo/structure.h"

#include <algorithm>

#include "syolo/base/error.h"
#include "syolo/base/text.h"

namespace syolo {
namespace {

void exchange_block(Stage& s, Block block) {
  if (s.block == block) return;
  s.block = block;
  s.hidden = s.entry = 0;
  s.growth = std::max(8, s.width / 4);
  if (s.down == Down::inside || s.down == Down::narrow) s.down = Down::conv;
  if (block == Block::resnext) s.width = (s.width + 63) / 64 * 64;
  if (block == Block::osa_pcb) s.csp = Csp::none;
}

void exchange_csp(Stage& s, const Structure& structure) {
  if (s.block == Block::osa_pcb) return;
  if (structure.csp) s.csp = *structure.csp;
  if (structure.fusion) s.fusion = *structure.fusion;
  if (s.csp != Csp::none && s.down == Down::inside) s.down = Down::conv;
}

/// Heads of a layer of their own, also where there was none.
void widen_heads(Recipe& r) {
  for (Level& level : r.levels) {
    if (level.head_width == 0) level.head_width = 2 * level.width;
  }
}

void exchange_neck(Recipe& r, const Structure& structure) {
  if (!structure.neck && !structure.join && !structure.sam) return;
  if (r.levels.empty() || r.neck.kind == NeckKind::bfm) {
    throw Error(ErrorKind::usage,
                format("expected a network whose neck can be exchanged, found {}", r.name),
                {.file = {}, .item = "neck"},
                r.levels.empty() ? "a classifier has none" : "its levels join each other's pixels");
  }
  if (structure.neck) {
    r.neck.kind = *structure.neck;
    widen_heads(r);
    if (r.heads.kind == HeadKind::pointwise) r.heads.kind = HeadKind::plain;
  }
  if (structure.sam) {
    r.heads.kind = HeadKind::attention;
    widen_heads(r);
  }
  if (!structure.join) return;
  if (r.neck.kind != NeckKind::pan && r.neck.kind != NeckKind::csp_pan) {
    throw Error(ErrorKind::usage, "expected a neck whose levels take in other maps",
                {.file = {}, .item = "join"}, "nearest: pan and csp-pan");
  }
  r.neck.join = *structure.join;
}

}  // namespace

Recipe restructured(const Recipe& recipe, const Structure& structure) {
  Recipe r = recipe;
  for (Stage& s : r.stages) {
    if (structure.block) exchange_block(s, *structure.block);
    exchange_csp(s, structure);
  }
  exchange_neck(r, structure);
  return r;
}

}  // namespace syolo
