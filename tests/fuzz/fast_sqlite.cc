// SPDX-License-Identifier: Apache-2.0
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstdlib>

// SQLite is not instrumented, and allocates small memory thousands of times per tape: with the
// address sanitizer that took half of all time. So its small memory comes from free lists here;
// large memory, with the rows' contents, stays with the sanitizer. For one thread.
namespace {

constexpr size_t kStep = 32;
constexpr size_t kLists = 24;  // up to 768 bytes
constexpr size_t kAtOnce = size_t{1} << 16;

// Precedes each piece of memory.
struct alignas(16) Head {
  size_t bytes = 0;
  Head* next = nullptr;
};

class SmallMemory {
 public:
  void* allocate(size_t bytes) {
    const size_t list = (bytes + kStep - 1) / kStep;
    if (list >= kLists) return made(std::malloc(sizeof(Head) + bytes), bytes);
    if (free_[list] == nullptr) refill(list);
    Head* head = free_[list];
    free_[list] = head->next;
    return made(head, list * kStep);
  }

  void release(void* memory) {
    Head* head = head_of(memory);
    const size_t list = head->bytes / kStep;
    if (head->bytes % kStep != 0 || list >= kLists) return std::free(head);
    head->next = free_[list];
    free_[list] = head;
  }

  static Head* head_of(void* memory) { return static_cast<Head*>(memory) - 1; }

 private:
  static void* made(void* at, size_t bytes) {
    if (at == nullptr) return nullptr;
    auto* head = static_cast<Head*>(at);
    head->bytes = bytes;
    return head + 1;
  }

  void refill(size_t list) {
    const size_t each = sizeof(Head) + list * kStep;
    auto* pool = static_cast<char*>(std::malloc(kAtOnce));
    if (pool == nullptr) std::abort();
    pools_ = new Pool{pool, pools_};  // still reachable: no leak
    for (size_t at = 0; at + each <= kAtOnce; at += each) {
      auto* head = reinterpret_cast<Head*>(pool + at);
      head->next = free_[list];
      free_[list] = head;
    }
  }

  struct Pool {
    char* memory;
    Pool* next;
  };
  std::array<Head*, kLists> free_{};
  Pool* pools_ = nullptr;
};

SmallMemory memory;

void* allocate(int bytes) { return memory.allocate(static_cast<size_t>(bytes)); }
void release(void* at) { memory.release(at); }
int size_of(void* at) {
  return at != nullptr ? static_cast<int>(SmallMemory::head_of(at)->bytes) : 0;
}
// The lists return multiples of kStep; larger memory is recognised by not being one.
int rounded(int bytes) {
  const auto wanted = static_cast<size_t>(bytes);
  const size_t list = (wanted + kStep - 1) / kStep;
  return static_cast<int>(list < kLists ? list * kStep : list * kStep + kStep / 2);
}

void* resize(void* at, int bytes) {
  if (size_of(at) >= bytes) return at;
  void* other = allocate(bytes);
  if (other == nullptr) return nullptr;
  const auto* from = static_cast<const char*>(at);
  std::copy(from, from + size_of(at), static_cast<char*>(other));
  release(at);
  return other;
}

// Before any database is opened.
const bool configured = [] {
  static sqlite3_mem_methods methods = {allocate,     release, resize,
                                        size_of,      rounded, [](void*) { return SQLITE_OK; },
                                        [](void*) {}, nullptr};
  return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK &&
         sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) == SQLITE_OK &&
         sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK;
}();

}  // namespace
