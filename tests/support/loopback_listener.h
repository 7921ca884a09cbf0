#ifndef DUNLIN_TESTS_SUPPORT_LOOPBACK_LISTENER_H_
#define DUNLIN_TESTS_SUPPORT_LOOPBACK_LISTENER_H_

#include <cstdint>

namespace dunlin {

// LoopbackListener is a socket that listens on a port of 127.0.0.1, which the system has chosen. Aborts the test
// program when there is none.
class LoopbackListener {
 public:
  // `socket_flags`: those of socket(), such as SOCK_NONBLOCK.
  explicit LoopbackListener(int socket_flags = 0);
  ~LoopbackListener();
  LoopbackListener(const LoopbackListener&) = delete;
  LoopbackListener& operator=(const LoopbackListener&) = delete;

  int descriptor() const { return descriptor_; }
  uint16_t port() const { return port_; }

 private:
  const int descriptor_;
  uint16_t port_ = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_LOOPBACK_LISTENER_H_
