// COCO average precision: see coco_ap.h.
