#ifndef DUNLIN_CLIENT_UTF8_H_
#define DUNLIN_CLIENT_UTF8_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace dunlin::client {

// The length in bytes of the UTF-8 sequence that `bytes` starts with; 0 if it starts with none. As in RFC 3629:
// overlong forms, surrogates and code points above U+10FFFF are not UTF-8.
size_t Utf8SequenceLength(absl::string_view bytes);

bool IsValidUtf8(absl::string_view bytes);

}  // namespace dunlin::client

#endif  // DUNLIN_CLIENT_UTF8_H_
