#include <istream>
#include <memory>
#include <string>

#include "client/cli/line_reader.h"

namespace dunlin::client::cli {
namespace {

class StreamLineReader : public LineReader {
 public:
  explicit StreamLineReader(std::istream& in) : in_(in) {}

  bool ReadLine(std::string* line) override { return static_cast<bool>(std::getline(in_, *line)); }

 private:
  std::istream& in_;
};

}  // namespace

std::unique_ptr<LineReader> NewStreamLineReader(std::istream& in) { return std::make_unique<StreamLineReader>(in); }

}  // namespace dunlin::client::cli
