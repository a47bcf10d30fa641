-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE event (
  seq    INTEGER PRIMARY KEY,  -- 1, 2, 3, ... without a hole
  kind   INTEGER NOT NULL,     -- which member of the union in Record: 1 is runStarted
  record BLOB NOT NULL,        -- one Cap'n Proto message of one segment, in stream framing
  chain  BLOB NOT NULL         -- SHA-256(chain of the row before || SHA-256(record))
);
CREATE TABLE blob (
  hash  BLOB PRIMARY KEY NOT NULL,  -- SHA-256 of the content
  name  TEXT NOT NULL,
  codec INTEGER NOT NULL,           -- 0: data is the content; 1: a zstd frame of it
  data  BLOB NOT NULL
);
CREATE TABLE page (
  hash  BLOB PRIMARY KEY NOT NULL,  -- SHA-256 of 4096 bytes of guest memory
  codec INTEGER NOT NULL,           -- as in blob
  data  BLOB NOT NULL
);
CREATE TABLE freeze_page (
  frame  INTEGER NOT NULL,  -- guest-physical address / 4096
  freeze INTEGER NOT NULL,
  frames INTEGER NOT NULL,  -- how many the row speaks of; 1 where there is a hash
  hash   BLOB,              -- of the frame's page; NULL: known to be zero
  PRIMARY KEY (freeze, frame)
) WITHOUT ROWID;
