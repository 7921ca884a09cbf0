#ifndef DUNLIN_SERVER_SECRET_H_
#define DUNLIN_SERVER_SECRET_H_

#include <string>
#include <utility>

namespace dunlin {

// Secret holds text that must not reach a log: it converts to nothing, so that showing it takes a deliberate call.
//
// Thread-safety: as std::string.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  bool empty() const { return text_.empty(); }

  // The text itself: only for those who have to present it.
  const std::string& Reveal() const { return text_; }

 private:
  std::string text_;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_SECRET_H_
