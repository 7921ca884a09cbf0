#include "storage/boot_id.h"

#include <fstream>

namespace dunlin {

std::string MachineBootId() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

}  // namespace dunlin
