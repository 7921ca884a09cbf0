#ifndef DUNLIN_STORAGE_PERSISTENCE_H_
#define DUNLIN_STORAGE_PERSISTENCE_H_

namespace dunlin {

// What a commit survives once it has returned. Commits come back in their order or not at all: what is durable makes
// all before it durable.
enum class Persistence {
  // The end of the process in whatever way; and a power failure as soon as a later commit has been synced, or the
  // database has taken it over. For what can be had again elsewhere.
  kWritten,
  // A power failure too.
  kSynced,
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_PERSISTENCE_H_
