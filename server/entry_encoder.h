#ifndef DUNLIN_SERVER_ENTRY_ENCODER_H_
#define DUNLIN_SERVER_ENTRY_ENCODER_H_

#include <string>

#include "storage/store.h"

namespace dunlin {

// Appends to `out` the bytes of a field `field_number` of a message, of type Entry, that shows `entry`: those that
// protobuf would write for ToProto(); its value also as text `with_text`, which HasText() allows. From the store to the
// wire without objects in between, which took most of what an entry of a large answer costs; it pays where there are
// many.
void AppendEntry(int field_number, const EntryView& entry, bool with_text, std::string* out);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_ENTRY_ENCODER_H_
