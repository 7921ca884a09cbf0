#ifndef DUNLIN_TESTS_SUPPORT_FREE_PORT_H_
#define DUNLIN_TESTS_SUPPORT_FREE_PORT_H_

#include <cstdint>

namespace dunlin {

// A port of 127.0.0.1 that was free a moment ago, for programs that cannot choose one themselves. Another program may
// take it before they do: try again with the next one then. Aborts the test program when there is none.
uint16_t FindFreePort();

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_FREE_PORT_H_
