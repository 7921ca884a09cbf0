#ifndef DUNLIN_TESTS_FUZZ_REQUEST_LIMITS_H_
#define DUNLIN_TESTS_FUZZ_REQUEST_LIMITS_H_

#include <cstddef>

#include "dunlin/v1/kv.pb.h"

// Whether a request keeps what the API (kv.proto) and storage/limits.h ask of it: the same rules as in
// server/validation.h, told a second time, so that what one of the two forgets the other notices.
namespace dunlin {

bool KeepsLimits(const v1::GetRequest& request);
bool KeepsLimits(const v1::PutRequest& request, size_t value_size_max_bytes);
bool KeepsLimits(const v1::DeleteRequest& request);
bool KeepsLimits(const v1::BatchGetRequest& request);
bool KeepsLimits(const v1::BatchWriteRequest& request, size_t value_size_max_bytes);
bool KeepsLimits(const v1::ListRequest& request);
bool KeepsLimits(const v1::WatchRequest& request);
bool KeepsLimits(v1::Ack ack);

}  // namespace dunlin

#endif  // DUNLIN_TESTS_FUZZ_REQUEST_LIMITS_H_
