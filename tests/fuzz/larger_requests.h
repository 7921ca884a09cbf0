#ifndef DUNLIN_TESTS_FUZZ_LARGER_REQUESTS_H_
#define DUNLIN_TESTS_FUZZ_LARGER_REQUESTS_H_

#include "dunlin/v1/kv.pb.h"

// A fuzzer's inputs are small and should be, so that it tries many of them. These make of a small request one that
// comes near the limits of requests as a whole, on either side, depending on what is in it.
namespace dunlin {

// Repeats the values of the first few writes, up to the largest there can be.
void RepeatValues(v1::BatchWriteRequest* request);

// Adds writes, or keys, so that a request of two becomes a full one.
void FillUp(v1::BatchWriteRequest* request);
void FillUp(v1::BatchGetRequest* request);

}  // namespace dunlin

#endif  // DUNLIN_TESTS_FUZZ_LARGER_REQUESTS_H_
