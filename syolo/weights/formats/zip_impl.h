// The directory of a zip file whose entries are stored as they are, as torch.save writes it.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "syolo/weights/weights.h"

namespace syolo::weights {

/// Names -> bytes of the file.
/// @throws Error(input) for a file that is cut off, entries twice, outside the file, or with a
/// wrong checksum; Error(unsupported) for compressed or encrypted entries and files from 4 GiB up
std::map<std::string, std::string_view, std::less<>> read_zip(const FileBytes& file);

}  // namespace syolo::weights
