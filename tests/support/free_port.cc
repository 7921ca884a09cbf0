#include "tests/support/free_port.h"

#include "tests/support/loopback_listener.h"

namespace dunlin {

uint16_t FindFreePort() { return LoopbackListener().port(); }

}  // namespace dunlin
