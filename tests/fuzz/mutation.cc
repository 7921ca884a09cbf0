#include "tests/fuzz/mutation.h"

#include <algorithm>
#include <cstddef>
#include <random>

#include "storage/big_endian.h"

namespace dunlin {
namespace {

// A mutation is not to grow beyond what libFuzzer makes of small inputs.
constexpr size_t kInputMaxBytes = 4096;
constexpr size_t kRunMaxBytes = 16;

// Where programs are wrong by one.
constexpr uint64_t kEdges[] = {0,
                               1,
                               0x7f,
                               0x80,
                               0xff,
                               0x100,
                               0x7fff,
                               0x8000,
                               0xffff,
                               0x10000,
                               0x7fffffff,
                               0x80000000,
                               0xffffffff,
                               0x7fffffffffffffff,
                               0x8000000000000000,
                               0xffffffffffffffff};

// Not std::uniform_int_distribution, which draws differently in each library.
class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}

  size_t Below(size_t bound) { return bound == 0 ? 0 : static_cast<size_t>(random_() % bound); }
  char Byte() { return static_cast<char>(Below(256)); }

 private:
  std::mt19937_64 random_;
};

// The last `size_bytes` bytes of a number from the edges.
std::string EdgeNumber(Dice* dice, size_t size_bytes) {
  return EncodeBigEndian64(kEdges[dice->Below(std::size(kEdges))]).substr(8 - size_bytes);
}

void Overwrite(std::string* input, size_t at, const std::string& bytes) { input->replace(at, bytes.size(), bytes); }

void MutateOnce(Dice* dice, const std::vector<std::string>& inputs, std::string* input) {
  const size_t at = dice->Below(input->size());
  const size_t run = 1 + dice->Below(kRunMaxBytes);
  switch (dice->Below(9)) {
    case 0:
      if (!input->empty()) (*input)[at] = static_cast<char>((*input)[at] ^ (1 << dice->Below(8)));
      return;
    case 1:
      if (!input->empty()) (*input)[at] = dice->Byte();
      return;
    case 2:
      return Overwrite(input, at, EdgeNumber(dice, size_t{1} << dice->Below(4)));
    case 3:
      input->insert(at, EdgeNumber(dice, size_t{1} << dice->Below(4)));
      return;
    case 4:
      input->insert(at, run, dice->Byte());
      return;
    case 5:
      input->erase(at, run);
      return;
    case 6:
      input->insert(dice->Below(input->size()), input->substr(at, run));
      return;
    case 7:
      input->resize(at);
      return;
    default: {
      const std::string& other = inputs[dice->Below(inputs.size())];
      *input = input->substr(0, at) + other.substr(dice->Below(other.size()));
    }
  }
}

}  // namespace

std::string Mutate(const std::vector<std::string>& inputs, uint64_t seed) {
  Dice dice(seed);
  std::string input = inputs[dice.Below(inputs.size())];
  const size_t size_max_bytes = std::max(kInputMaxBytes, input.size());
  for (size_t left = 1 + dice.Below(4); left > 0; --left) {
    MutateOnce(&dice, inputs, &input);
  }
  input.resize(std::min(input.size(), size_max_bytes));
  return input;
}

}  // namespace dunlin
