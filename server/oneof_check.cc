#include "server/oneof_check.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

namespace dunlin {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::OneofDescriptor;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// Where a message stands in the messages around it; its text is made only for an error.
struct Place {
  const Place* parent = nullptr;
  const FieldDescriptor* field = nullptr;
  int index = 0;
};

std::string PathOf(const Place* place) {
  if (place == nullptr) return "";
  const std::string index = place->field->is_repeated() ? absl::StrCat("[", place->index, "]") : "";
  return absl::StrCat(PathOf(place->parent), place->field->name(), index, ".");
}

// What has been seen of one message.
struct Seen {
  absl::flat_hash_map<const OneofDescriptor*, const FieldDescriptor*> members;
  // A message field that is not repeated and occurs twice is merged: its second part goes on where the first ended.
  absl::flat_hash_map<const FieldDescriptor*, std::unique_ptr<Seen>> messages;
  absl::flat_hash_map<const FieldDescriptor*, int> occurrences;
};

// How deep NeedsWalk() looks; a type that contains itself has no end.
constexpr int kTypesDepthMax = 4;

// Whether a message of `type` can have more than one member of a oneof, in itself or in a part, as far as can be seen.
bool NeedsWalk(const Descriptor& type, int depth = 0) {
  if (type.real_oneof_decl_count() > 0 || depth == kTypesDepthMax) return true;
  for (int i = 0; i < type.field_count(); ++i) {
    const Descriptor* part = type.field(i)->message_type();
    if (part != nullptr && NeedsWalk(*part, depth + 1)) return true;
  }
  return false;
}

bool HasItsWireType(const FieldDescriptor& field, uint32_t tag) {
  const auto type = static_cast<WireFormatLite::FieldType>(field.type());
  return WireFormatLite::GetTagWireType(tag) == WireFormatLite::WireTypeForFieldType(type);
}

absl::Status TakeMember(const FieldDescriptor& field, const Place* place, Seen* seen) {
  const OneofDescriptor* oneof = field.real_containing_oneof();
  if (oneof == nullptr) return absl::OkStatus();
  const FieldDescriptor*& member = seen->members[oneof];
  if (member != nullptr && member != &field) {
    const std::string path = PathOf(place);
    return absl::InvalidArgumentError(absl::StrCat(path, member->name(), " and ", path, field.name(),
                                                   " are both given, and exclude each other: give one of them"));
  }
  member = &field;
  return absl::OkStatus();
}

// Reads one message, up to the limit that `input` has. It allocates nothing for what it passes over.
absl::Status Walk(const Descriptor& type, const Place* place, CodedInputStream* input, Seen* seen);

absl::Status WalkInto(const FieldDescriptor& field, const Place* place, CodedInputStream* input, Seen* seen) {
  uint32_t size = 0;
  if (!input->ReadVarint32(&size)) return absl::OkStatus();
  const CodedInputStream::Limit limit = input->PushLimit(static_cast<int>(size));
  const Place inner{place, &field, field.is_repeated() ? seen->occurrences[&field]++ : 0};
  absl::Status status;
  if (field.is_repeated()) {
    Seen fresh;
    status = Walk(*field.message_type(), &inner, input, &fresh);
  } else {
    std::unique_ptr<Seen>& known = seen->messages[&field];
    if (known == nullptr) known = std::make_unique<Seen>();
    status = Walk(*field.message_type(), &inner, input, known.get());
  }
  input->PopLimit(limit);
  return status;
}

absl::Status Walk(const Descriptor& type, const Place* place, CodedInputStream* input, Seen* seen) {
  while (const uint32_t tag = input->ReadTag()) {
    const FieldDescriptor* field = type.FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
    absl::Status status;
    if (field != nullptr && HasItsWireType(*field, tag)) {
      status = TakeMember(*field, place, seen);
      if (status.ok() && field->type() == FieldDescriptor::TYPE_MESSAGE && NeedsWalk(*field->message_type())) {
        status = WalkInto(*field, place, input, seen);
        if (status.ok()) continue;
      }
    }
    if (!status.ok()) return status;
    // What does not end as it should would not have parsed.
    if (!WireFormatLite::SkipField(input, tag)) return absl::OkStatus();
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckOneofs(const grpc::ByteBuffer& bytes, const Descriptor& type) {
  if (!NeedsWalk(type)) return absl::OkStatus();
  grpc::ByteBuffer shared = bytes;  // the reader wants a mutable one; the bytes themselves are not copied
  grpc::ProtoBufferReader reader(&shared);
  CodedInputStream input(&reader);
  Seen seen;
  return Walk(type, nullptr, &input, &seen);
}

}  // namespace dunlin
