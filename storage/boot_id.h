#ifndef DUNLIN_STORAGE_BOOT_ID_H_
#define DUNLIN_STORAGE_BOOT_ID_H_

#include <string>

namespace dunlin {

// What tells this run of the machine from any other, of this machine or another one: as long as it is the same, what
// was once written to a file is found there, synced or not. Empty where the system does not tell
// (proc(5), /proc/sys/kernel/random/boot_id).
std::string MachineBootId();

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_BOOT_ID_H_
