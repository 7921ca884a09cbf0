// Goal: `dunlin status` shows every field that a replica's status has, in either form.
// Method: a status with every field set, from the definition; the whole command line but for main(), against a replica
// in this process that answers it. A field that is added to the definition and not to the command fails here.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "dunlin/v1/replica.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/client/all_fields.h"
#include "tests/client/cli/cli_run.h"
#include "tests/client/fake_replica.h"

namespace dunlin::client::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using testing::HasSubstr;
using Json = nlohmann::json;

class StatusFieldsTest : public testing::Test {
 protected:
  void SetUp() override {
    SetAllFields(&status_);
    replica_.SetStatus(status_);
  }

  std::string Run(const std::string& format) {
    const CliRun run = RunWith({"--server", replica_.address(), "--timeout", "1m", "--output", format, "status"});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return run.out;
  }

  FakeReplica replica_;
  v1::Status status_;
};

absl::Duration DurationOf(const google::protobuf::Duration& proto) {
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

// How the command line writes a field, as JSON.
Json Expected(const Message& message, const FieldDescriptor& field) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return "live";
    case FieldDescriptor::CPPTYPE_UINT64:
      if (field.name() == "store_id") {
        return absl::StrFormat("%016x", reflection.GetUInt64(message, &field));
      }
      return reflection.GetUInt64(message, &field);
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string text = reflection.GetString(message, &field);
      return field.type() == FieldDescriptor::TYPE_BYTES ? absl::BytesToHexString(text) : text;
    }
    default:
      break;
  }
  const Message& inner = reflection.GetMessage(message, &field);
  if (const auto* duration = dynamic_cast<const google::protobuf::Duration*>(&inner)) {
    return absl::ToDoubleSeconds(DurationOf(*duration));
  }
  Json json;
  for (int i = 0; i < inner.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& part = *inner.GetDescriptor()->field(i);
    json[part.name()] = Expected(inner, part);
  }
  return json;
}

TEST_F(StatusFieldsTest, JsonHasEveryFieldUnderItsName) {
  const Json json = Json::parse(Run("json"));
  const google::protobuf::Descriptor& type = *v1::Status::descriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    ASSERT_TRUE(json.contains(field.name())) << field.name() << " is missing";
    EXPECT_EQ(json[field.name()], Expected(status_, field)) << field.name();
  }
  EXPECT_EQ(json.size(), static_cast<size_t>(type.field_count())) << "and nothing else";
}

// Every number and text of `json`; truth values are not told apart in a table.
void ExpectShown(const std::string& name, const Json& json, const std::string& table) {
  if (json.is_object()) {
    for (const auto& [part, value] : json.items()) {
      ExpectShown(absl::StrCat(name, ".", part), value, table);
    }
  } else if (json.is_string()) {
    EXPECT_THAT(table, HasSubstr(json.get<std::string>())) << name;
  } else if (json.is_number_float()) {
    // Down to the seconds, which are its own; some durations are shown without more.
    std::string text = absl::FormatDuration(absl::Trunc(absl::Seconds(json.get<double>()), absl::Seconds(1)));
    text.pop_back();
    EXPECT_THAT(table, HasSubstr(text)) << name;
  } else if (json.is_number()) {
    EXPECT_THAT(table, HasSubstr(json.dump())) << name;
  }
}

TEST_F(StatusFieldsTest, TheTableShowsEveryField) {
  const std::string table = Run("text");
  const google::protobuf::Descriptor& type = *v1::Status::descriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    ExpectShown(type.field(i)->name(), Expected(status_, *type.field(i)), table);
  }
}

}  // namespace
}  // namespace dunlin::client::cli
