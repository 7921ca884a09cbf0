#ifndef DUNLIN_TESTS_SUPPORT_READ_FILE_H_
#define DUNLIN_TESTS_SUPPORT_READ_FILE_H_

#include <fstream>
#include <sstream>
#include <string>

namespace dunlin {

// What the file holds; "" if it cannot be read.
inline std::string ReadFile(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_READ_FILE_H_
