#ifndef DUNLIN_STORAGE_UTF8_H_
#define DUNLIN_STORAGE_UTF8_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace dunlin {

// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.

// Returns the size in bytes of the character at the start of `text`; 0 when it starts with none.
size_t Utf8CharacterSize(absl::string_view text);

// Returns the length in bytes of the longest prefix of `text` that is valid UTF-8. All of `text` is valid exactly if
// that is text.size(); otherwise it is the offset of the first byte that does not belong.
size_t ValidUtf8PrefixSize(absl::string_view text);

inline bool IsValidUtf8(absl::string_view text) { return ValidUtf8PrefixSize(text) == text.size(); }

// Returns `text` with U+FFFD in place of every byte that is not part of a valid character.
std::string ReplaceInvalidUtf8(absl::string_view text);

// Returns the longest prefix of `text` of at most `size_max_bytes` that does not end inside a character.
// REQUIRES: `text` is valid UTF-8.
absl::string_view TruncateUtf8(absl::string_view text, size_t size_max_bytes);

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_UTF8_H_
