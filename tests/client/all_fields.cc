#include "tests/client/all_fields.h"

#include <google/protobuf/descriptor.h>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

void SetField(const FieldDescriptor& field, int* last_number, Message* message) {
  const google::protobuf::Reflection& reflection = *message->GetReflection();
  const int number = ++*last_number;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection.SetUInt64(message, &field, number);
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.SetInt64(message, &field, number);
    case FieldDescriptor::CPPTYPE_INT32:
      // Of a duration or a time.
      return reflection.SetInt32(message, &field, 500'000'000);
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.SetBool(message, &field, true);
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.SetString(message, &field, absl::StrCat(field.name(), "-", number));
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.SetEnumValue(message, &field, field.enum_type()->value_count() - 1);
    default:
      ADD_FAILURE() << field.full_name() << " is of a type that has to be added here";
  }
}

void SetAll(int* last_number, Message* message) {
  for (int i = 0; i < message->GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message->GetDescriptor()->field(i);
    ASSERT_FALSE(field.is_repeated()) << field.full_name();
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      SetAll(last_number, message->GetReflection()->MutableMessage(message, &field));
    } else {
      SetField(field, last_number, message);
    }
  }
}

}  // namespace

void SetAllFields(Message* message) {
  int last_number = 1000;
  SetAll(&last_number, message);
}

}  // namespace dunlin
