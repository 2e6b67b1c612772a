// What the formats share: lists of pictures turned into items in parallel, places of labels,
// class names, and the folder that a writer fills.
#pragma once

#include <map>
#include <mutex>
#include <set>

#include "syolo/data/formats.h"
#include "syolo/data/rules.h"

namespace syolo::data {

/// Counts pictures that several threads look at.
class PictureCount {
 public:
  PictureCount(std::size_t total, const ReadProgress& progress) :
      total_(static_cast<std::int64_t>(total)), progress_(progress) {}
  void one();

 private:
  std::mutex mutex_;
  std::int64_t done_ = 0, total_;
  const ReadProgress& progress_;
};

/// A picture to read and the line that named it.
struct PictureRef {
  Path path;
  Where where;
};

/// Turns pictures with YOLO labels into items, several threads at a time, in order.
/// @param names  empty when unknown: classes are then numbered
Dataset read_yolo(std::vector<PictureRef> pictures, std::vector<std::string> names,
                  const Limits& limits, const ReadProgress& progress = {});

/// The picture's header -> its upright size, or a finding why it is unusable.
std::optional<Size> picture_size(const Path& path, const Where& listed, Findings& findings,
                                 const Limits& limits);

bool is_picture_name(const Path& path);  // by suffix
/// Every picture below the folder, sorted. @throws Error(io)
std::vector<PictureRef> pictures_below(const Path& folder, bool recursive);
/// The pictures that a list file names. Each line is a path from the first to the last non-blank
/// byte, quotes allowed; looked up beside the list, in `base` and in the working folder.
std::vector<PictureRef> pictures_of_list(const Path& list, const Path& base, Findings& findings,
                                         const Limits& limits);
/// A folder or a list, whichever `path` is. @throws Error(io) when it is neither
std::vector<PictureRef> pictures_of(const Path& path, const Path& base, Findings& findings,
                                    const Limits& limits);

/// The first of the places where something exists. @throws Error(io) listing all that were tried
Path first_existing(const std::vector<Path>& candidates, const Where& asked_by);

/// Class names, one per line; blank lines at the end do not count.
std::vector<std::string> read_class_names(const Path& path, const Limits& limits);
/// classes.txt, obj.names, ... in a folder (or above it); empty path when there is none.
Path names_beside(const Path& folder);

std::string number_text(double value);  // the shortest that reads back equal

/// Adds what is new to `to`; a file with very many keeps the first few hundred.
void add_findings(Findings& to, Findings more);

/// The folder of a writer: made if missing, refused unless empty; hands out unique picture names.
class Target {
 public:
  enum class Holds { boxes, classes };
  /// @throws Error(usage) also for classes of whole pictures where boxes are written
  Target(const Path& folder, std::span<const Part> parts, Holds holds = Holds::boxes);
  /// Where the item's picture goes (copied or linked as asked), below `folder`/`sub`.
  Path picture(const Item& item, const Path& sub, Pictures how);
  /// A name below `folder`/`sub` that nothing else has; its folder is there.
  Path unique(const Path& sub, const Path& stem, const Path& suffix);
  const Path& folder() const { return folder_; }
  void text(const Path& relative, std::string_view text) const;

 private:
  Path folder_;
  std::set<Path> used_;
};

/// The rows of one label file.
std::string yolo_text(const Item& item);

/// Counts and describes what a format cannot hold.
struct Losses {
  bool area = false, crowd = false, difficult = false, ids = false, class_ids = false;
  bool labels_missing = false;
};
Findings losses(std::span<const Part> parts, const Losses& cannot, std::string_view format);

/// The first bytes of a regular file as text; empty when there are none.
std::string head_of(const Path& path, std::size_t bytes = 1 << 16);

DatasetFormat yaml_format();
DatasetFormat darknet_format();
DatasetFormat coco_format();
DatasetFormat voc_format();
DatasetFormat classes_format();
DatasetFormat folder_format();
DatasetFormat list_format();

}  // namespace syolo::data
