// Backbones with a classifier: darknet53, csdarknet53, ...
#include "syolo/zoo/families/families_impl.h"

namespace syolo::zoo {

void classifier_family(Assembly& a) {
  a.b.begin(NetworkPart::Kind::head, "classes", 0);
  NodeId x = a.b.last();
  if (a.recipe.classifier_width > 0)
    x = a.b.conv(x, {.filters = a.recipe.classifier_width}, a.act());
  a.b.classify(x, a.recipe.heads.classes);
}

}  // namespace syolo::zoo
