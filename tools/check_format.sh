#!/usr/bin/env bash
# Checks that clang-format would change nothing; --fix lets it. Files may be named; else all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fix=false
if [ "${1:-}" = --fix ]; then fix=true; shift; fi
# Debian 12's clang-format is 14: other versions disagree on details.
version=$(clang-format --version | sed 's/.*version \([0-9]*\).*/\1/')
[ "$version" = 14 ] || { echo "check_format.sh: expected clang-format 14, found $version" >&2; exit 2; }

files=("$@")
if [ ${#files[@]} -eq 0 ]; then
  while IFS= read -r -d '' file; do
    [ ! -f "$file" ] || files+=("$file")
  done < <(git ls-files -z --cached --others --exclude-standard -- '*.h' '*.cpp')
fi
[ ${#files[@]} -gt 0 ] || { echo "check_format.sh: found no sources" >&2; exit 2; }

if $fix; then
  clang-format -i "${files[@]}"
else
  clang-format --dry-run --Werror --ferror-limit=1 "${files[@]}" ||
    { echo "format: make format repairs it" >&2; exit 1; }
fi
echo "format: ${#files[@]} files"
