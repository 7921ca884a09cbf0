#ifndef DUNLIN_STORAGE_STORE_CHECK_H_
#define DUNLIN_STORAGE_STORE_CHECK_H_

namespace dunlin {

// Whether the pages of a database are checked for damage when a store is opened (storage/page_check.h), and what to do
// with a store that cannot be opened because it is damaged, there or elsewhere.
enum class StoreCheck {
  // They are not checked: whoever meets a damaged one later may end the process.
  kOff,
  // A damaged store is not opened.
  kRefuse,
  // The file of a damaged store gets another name, and an empty store takes its place.
  kRebuild,
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_STORE_CHECK_H_
