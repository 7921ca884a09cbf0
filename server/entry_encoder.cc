#include "server/entry_encoder.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/message_lite.h>
#include <google/protobuf/timestamp.pb.h>

#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"
#include "dunlin/v1/kv.pb.h"
#include "server/proto_conversion.h"

namespace dunlin {
namespace {

using google::protobuf::MessageLite;
using google::protobuf::io::CodedOutputStream;

// The wire types of protobuf's encoding: https://protobuf.dev/programming-guides/encoding.
enum WireType : uint32_t { kVarint = 0, kSized = 2 };

constexpr uint32_t TagOf(int field_number, WireType type) { return static_cast<uint32_t>(field_number) << 3 | type; }

// What a field takes whose number is below 16, as all of an Entry are.
size_t SizedFieldSize(size_t size) { return 1 + CodedOutputStream::VarintSize64(size) + size; }
size_t NumberFieldSize(uint64_t number) { return 1 + CodedOutputStream::VarintSize64(number); }

uint8_t* WriteHead(int field_number, size_t size, uint8_t* to) {
  to = CodedOutputStream::WriteVarint32ToArray(TagOf(field_number, kSized), to);
  return CodedOutputStream::WriteVarint64ToArray(size, to);
}

uint8_t* WriteBytes(int field_number, absl::string_view bytes, uint8_t* to) {
  to = WriteHead(field_number, bytes.size(), to);
  std::memcpy(to, bytes.data(), bytes.size());
  return to + bytes.size();
}

uint8_t* WriteNumber(int field_number, uint64_t number, uint8_t* to) {
  to = CodedOutputStream::WriteVarint32ToArray(TagOf(field_number, kVarint), to);
  return CodedOutputStream::WriteVarint64ToArray(number, to);
}

// Of a v1::Version.
size_t VersionSize(const Version& version) {
  return (version.time == 0 ? 0 : NumberFieldSize(version.time)) +
         (version.origin == 0 ? 0 : NumberFieldSize(version.origin));
}

uint8_t* WriteVersion(int field_number, const Version& version, uint8_t* to) {
  to = WriteHead(field_number, VersionSize(version), to);
  to = version.time == 0 ? to : WriteNumber(v1::Version::kTimeFieldNumber, version.time, to);
  return version.origin == 0 ? to : WriteNumber(v1::Version::kOriginFieldNumber, version.origin, to);
}

// REQUIRES: its size has been asked for.
uint8_t* WriteMessage(int field_number, const MessageLite& message, uint8_t* to) {
  to = WriteHead(field_number, static_cast<size_t>(message.GetCachedSize()), to);
  return message.SerializeWithCachedSizesToArray(to);
}

}  // namespace

void AppendEntry(int field_number, const EntryView& entry, bool with_text, std::string* out) {
  google::protobuf::Timestamp expire_time;
  const bool has_expiry = entry.expiry_unix_ms != 0;
  if (has_expiry) {
    ToProto(entry.expiry_unix_ms, &expire_time);
  }
  // Numbers and bytes that are 0 or empty are left out; a text that is there is not.
  const size_t size =
      SizedFieldSize(entry.key.size()) + (entry.value.empty() ? 0 : SizedFieldSize(entry.value.size())) +
      (with_text ? SizedFieldSize(entry.value.size()) : 0) + SizedFieldSize(VersionSize(entry.version)) +
      (entry.revision == 0 ? 0 : NumberFieldSize(entry.revision)) +
      (has_expiry ? SizedFieldSize(expire_time.ByteSizeLong()) : 0);
  const size_t before = out->size();
  out->resize(before + CodedOutputStream::VarintSize32(TagOf(field_number, kSized)) +
              CodedOutputStream::VarintSize64(size) + size);
  auto* to = reinterpret_cast<uint8_t*>(&(*out)[before]);
  to = WriteHead(field_number, size, to);
  to = WriteBytes(v1::Entry::kKeyFieldNumber, entry.key, to);
  if (!entry.value.empty()) {
    to = WriteBytes(v1::Entry::kValueFieldNumber, entry.value, to);
  }
  if (with_text) {
    to = WriteBytes(v1::Entry::kTextFieldNumber, entry.value, to);
  }
  to = WriteVersion(v1::Entry::kVersionFieldNumber, entry.version, to);
  if (entry.revision != 0) {
    to = WriteNumber(v1::Entry::kRevisionFieldNumber, entry.revision, to);
  }
  if (has_expiry) {
    WriteMessage(v1::Entry::kExpireTimeFieldNumber, expire_time, to);
  }
}

}  // namespace dunlin
