#include "server/request_parser.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/oneof_check.h"
#include "storage/utf8.h"

namespace dunlin {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// Where protobuf's own parser gives up: how deep messages and groups may lie in each other, and how many bytes the
// number in front of a field, or its size, may take. CodedInputStream reads longer ones.
constexpr int kDepthMax = 100;
constexpr int kShortNumberSizeMaxBytes = 5;

// FlawFinder walks the wire format of a message that did not parse, to say what is wrong with it. It allocates nothing
// for the data it walks over, so that a damaged request costs no more than a good one.
class FlawFinder {
 public:
  // What is wrong, or nothing.
  using Flaw = std::optional<std::string>;

  explicit FlawFinder(absl::string_view bytes) : bytes_(bytes) {}

  // Returns what is wrong with the message in `message`, a part of the bytes, or nothing if it is sound. `path` names
  // the message: empty for the outermost, else ending in a dot.
  Flaw Find(const Descriptor& type, absl::string_view message, const std::string& path, int depth) {
    CodedInputStream input(reinterpret_cast<const uint8_t*>(message.data()), static_cast<int>(message.size()));
    return FindInFields(&type, message, &input, /*group_end=*/0, path, depth);
  }

 private:
  // Walks over the fields up to the end of the message, or up to the tag that ends the group they are in; it is 0
  // outside of a group. Groups occur among fields that we do not know: then there is no `type`.
  Flaw FindInFields(const Descriptor* type, absl::string_view message, CodedInputStream* input, uint32_t group_end,
                    const std::string& path, int depth) {
    if (depth > kDepthMax) return absl::StrCat("messages are nested more than ", kDepthMax, " deep");
    absl::flat_hash_map<int, int> occurrences;
    uint32_t tag = 0;
    while (ReadTag(input, &tag)) {
      if (tag == group_end) return std::nullopt;
      const int number = WireFormatLite::GetTagFieldNumber(tag);
      const WireFormatLite::WireType wire_type = WireFormatLite::GetTagWireType(tag);
      Flaw flaw;
      if (number != 0 && wire_type == WireFormatLite::WIRETYPE_START_GROUP) {
        const uint32_t end = WireFormatLite::MakeTag(number, WireFormatLite::WIRETYPE_END_GROUP);
        flaw = FindInFields(nullptr, message, input, end, path, depth + 1);
      } else if (number != 0 && wire_type == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
        absl::string_view content;
        if (!ReadContent(message, input, &content)) return DamagedAt(message, input->CurrentPosition());
        const FieldDescriptor* field = type == nullptr ? nullptr : type->FindFieldByNumber(number);
        if (HasContent(field)) {
          flaw = FindInContent(*field, content, NameOf(*field, path, occurrences[number]++), depth);
        }
      } else if (!WireFormatLite::SkipField(input, tag)) {
        return DamagedAt(message, input->CurrentPosition());
      }
      if (flaw.has_value()) return flaw;
    }
    if (group_end != 0 || !input->ConsumedEntireMessage()) return DamagedAt(message, input->CurrentPosition());
    return std::nullopt;
  }

  // Whether the field is one to look into: a string or a message.
  static bool HasContent(const FieldDescriptor* field) {
    return field != nullptr &&
           (field->type() == FieldDescriptor::TYPE_STRING || field->type() == FieldDescriptor::TYPE_MESSAGE);
  }

  // Returns false at the end of the input and where no tag can be read.
  static bool ReadTag(CodedInputStream* input, uint32_t* tag) {
    const int start = input->CurrentPosition();
    *tag = input->ReadTag();
    return *tag != 0 && input->CurrentPosition() - start <= kShortNumberSizeMaxBytes;
  }

  static bool ReadContent(absl::string_view message, CodedInputStream* input, absl::string_view* content) {
    const int size_start = input->CurrentPosition();
    uint64_t size = 0;
    if (!input->ReadVarint64(&size) || input->CurrentPosition() - size_start > kShortNumberSizeMaxBytes) return false;
    const size_t start = static_cast<size_t>(input->CurrentPosition());
    if (size > message.size() - start) return false;
    *content = message.substr(start, size);
    return input->Skip(static_cast<int>(size));
  }

  static std::string NameOf(const FieldDescriptor& field, const std::string& path, int index) {
    return field.is_repeated() ? absl::StrCat(path, field.name(), "[", index, "]") : absl::StrCat(path, field.name());
  }

  Flaw FindInContent(const FieldDescriptor& field, absl::string_view content, const std::string& name, int depth) {
    if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
      return Find(*field.message_type(), content, absl::StrCat(name, "."), depth + 1);
    }
    const size_t valid = ValidUtf8PrefixSize(content);
    if (valid == content.size()) return std::nullopt;
    return absl::StrCat("field ", name, " is not valid UTF-8 at byte ", valid, " of its ", content.size(),
                        "; encode text as UTF-8 and put other bytes into a field of type bytes");
  }

  std::string DamagedAt(absl::string_view message, int position) const {
    const size_t offset = static_cast<size_t>(message.data() - bytes_.data()) + static_cast<size_t>(position);
    return absl::StrCat("the encoding is broken at byte ", offset, " of ", bytes_.size(),
                        "; send a protobuf message made from the dunlin.v1 definitions");
  }

  const absl::string_view bytes_;
};

std::string Flatten(const grpc::ByteBuffer& bytes) {
  std::string flat;
  std::vector<grpc::Slice> slices;
  if (!bytes.Dump(&slices).ok()) return flat;
  flat.reserve(bytes.Length());
  for (const grpc::Slice& slice : slices) flat.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return flat;
}

}  // namespace

absl::Status ParseRequest(const grpc::ByteBuffer& bytes, google::protobuf::Message* request) {
  grpc::ByteBuffer shared = bytes;  // the reader wants a mutable one; the bytes themselves are not copied
  grpc::ProtoBufferReader reader(&shared);
  const Descriptor& type = *request->GetDescriptor();
  if (reader.status().ok() && request->ParseFromZeroCopyStream(&reader)) {
    const absl::Status status = CheckOneofs(bytes, type);
    return status.ok() ? status : absl::InvalidArgumentError(absl::StrCat(type.full_name(), ": ", status.message()));
  }
  const std::string flat = Flatten(bytes);
  const std::optional<std::string> flaw = FlawFinder(flat).Find(type, flat, "", 0);
  return absl::InvalidArgumentError(absl::StrCat(type.full_name(), ": ", flaw.value_or("the message does not parse")));
}

}  // namespace dunlin
