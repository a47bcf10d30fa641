// SPDX-License-Identifier: Apache-2.0
// bench_select_records TAPE: the floor of analyzing a tape. Reads every record and does nothing
// with it.
#include <sqlite3.h>
#include <stdio.h>

int main(int count, char** arguments) {
  sqlite3* database = NULL;
  sqlite3_stmt* query = NULL;
  long long bytes = 0;
  int code = SQLITE_ROW;
  if (count != 2 ||
      sqlite3_open_v2(arguments[1], &database, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
    return 1;
  if (sqlite3_prepare_v2(database, "select record from event order by seq", -1, &query, NULL) !=
      SQLITE_OK)
    return 1;
  while ((code = sqlite3_step(query)) == SQLITE_ROW) {
    if (sqlite3_column_blob(query, 0) == NULL) return 1;
    bytes += sqlite3_column_bytes(query, 0);
  }
  printf("%lld\n", bytes);
  return code == SQLITE_DONE ? 0 : 1;
}
