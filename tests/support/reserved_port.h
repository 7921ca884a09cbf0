#ifndef DUNLIN_TESTS_SUPPORT_RESERVED_PORT_H_
#define DUNLIN_TESTS_SUPPORT_RESERVED_PORT_H_

#include <cstdint>

namespace dunlin {

// ReservedPort keeps a port of 127.0.0.1, which the system has chosen, for a program that cannot choose one itself:
// nobody else is given it, neither before that program listens there nor while it is down, and connections are refused
// as long as it does not. The program has to set SO_REUSEADDR, as servers do. Aborts the test program when there is no
// port.
class ReservedPort {
 public:
  ReservedPort();
  ~ReservedPort();
  ReservedPort(const ReservedPort&) = delete;
  ReservedPort& operator=(const ReservedPort&) = delete;

  uint16_t port() const { return port_; }

 private:
  // Bound to the port, and never listening: Linux lets two sockets share one only if both ask for it and neither
  // listens yet, and gives none that is bound to whoever asks for any.
  const int descriptor_;
  uint16_t port_ = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_RESERVED_PORT_H_
