#ifndef DUNLIN_TESTS_CLIENT_ALL_FIELDS_H_
#define DUNLIN_TESTS_CLIENT_ALL_FIELDS_H_

#include <google/protobuf/message.h>

namespace dunlin {

// Sets every field of `message`, and of the messages in it, to a value that tells it from the others: so a field that
// somebody adds to the definition and forgets elsewhere shows. Repeated fields and oneofs are not provided for.
void SetAllFields(google::protobuf::Message* message);

}  // namespace dunlin

#endif  // DUNLIN_TESTS_CLIENT_ALL_FIELDS_H_
