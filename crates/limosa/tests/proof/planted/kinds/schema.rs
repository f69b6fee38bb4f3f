//! Every kind of corruption of the schema.

use super::{Engine, always};

/// One kind about the schema: what is done, how it is undone, and words that must be said.
pub(crate) struct SchemaKind {
    pub(crate) name: &'static str,
    /// By SQLite, PostgreSQL and MariaDB; empty where it can not exist.
    pub(crate) act: [&'static str; 3],
    pub(crate) undo: [&'static str; 3],
    pub(crate) says: &'static str,
    /// Whether it can exist between these two.
    pub(crate) exists: fn(Engine, Engine) -> bool,
}

/// All of them that are about the schema.
pub(crate) const SCHEMA: &[SchemaKind] = &[
    SchemaKind {
        name: "an index is gone",
        act: [
            "DROP INDEX child_spot",
            "DROP INDEX child_spot",
            "DROP INDEX child_spot ON child",
        ],
        undo: ["CREATE INDEX child_spot ON child (spot)"; 3],
        says: "index child_spot is not there",
        exists: always,
    },
    SchemaKind {
        name: "a unique index is a plain one",
        act: [
            "DROP INDEX parent_label; CREATE INDEX parent_label ON parent (label)",
            "DROP INDEX parent_label; CREATE INDEX parent_label ON parent (label)",
            "DROP INDEX parent_label ON parent; CREATE INDEX parent_label ON parent (label)",
        ],
        undo: [
            "DROP INDEX parent_label; CREATE UNIQUE INDEX parent_label ON parent (label)",
            "DROP INDEX parent_label; CREATE UNIQUE INDEX parent_label ON parent (label)",
            "DROP INDEX parent_label ON parent; CREATE UNIQUE INDEX parent_label ON parent (label)",
        ],
        says: "label",
        // There it is a constraint, which has no name.
        exists: |from, to| from != Engine::Maria || to == Engine::Maria,
    },
    SchemaKind {
        name: "a foreign key is gone",
        act: [
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'ON DELETE CASCADE', '/*cut*/') WHERE name = 'child'; PRAGMA writable_schema = RESET",
            "DO $$ DECLARE n text; BEGIN SELECT conname INTO n FROM pg_constraint WHERE conrelid = 'child'::regclass AND contype = 'f'; EXECUTE format('ALTER TABLE child DROP CONSTRAINT %I', n); END $$",
            "ALTER TABLE child DROP FOREIGN KEY child_up",
        ],
        undo: [
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '/*cut*/', 'ON DELETE CASCADE') WHERE name = 'child'; PRAGMA writable_schema = RESET",
            "ALTER TABLE child ADD CONSTRAINT child_up FOREIGN KEY (up) REFERENCES parent (id) ON DELETE CASCADE",
            "ALTER TABLE child ADD CONSTRAINT child_up FOREIGN KEY (up) REFERENCES parent (id) ON DELETE CASCADE",
        ],
        says: "the foreign key (up) to",
        exists: always,
    },
    SchemaKind {
        name: "a foreign key does something else",
        act: [
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'ON DELETE CASCADE', 'ON DELETE SET NULL') WHERE name = 'child'; PRAGMA writable_schema = RESET",
            "DO $$ DECLARE n text; BEGIN SELECT conname INTO n FROM pg_constraint WHERE conrelid = 'child'::regclass AND contype = 'f'; EXECUTE format('ALTER TABLE child DROP CONSTRAINT %I', n); END $$; ALTER TABLE child ADD CONSTRAINT child_up FOREIGN KEY (up) REFERENCES parent (id) ON DELETE SET NULL",
            "ALTER TABLE child DROP FOREIGN KEY child_up; ALTER TABLE child ADD CONSTRAINT child_up FOREIGN KEY (up) REFERENCES parent (id)",
        ],
        undo: [
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'ON DELETE SET NULL', 'ON DELETE CASCADE') WHERE name = 'child'; PRAGMA writable_schema = RESET",
            "DO $$ DECLARE n text; BEGIN SELECT conname INTO n FROM pg_constraint WHERE conrelid = 'child'::regclass AND contype = 'f'; EXECUTE format('ALTER TABLE child DROP CONSTRAINT %I', n); END $$; ALTER TABLE child ADD CONSTRAINT child_up FOREIGN KEY (up) REFERENCES parent (id) ON DELETE CASCADE",
            "ALTER TABLE child DROP FOREIGN KEY child_up; ALTER TABLE child ADD CONSTRAINT child_up FOREIGN KEY (up) REFERENCES parent (id) ON DELETE CASCADE",
        ],
        says: "the foreign key (up) to",
        exists: always,
    },
    SchemaKind {
        name: "a default is gone",
        act: [
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'DEFAULT (7)', '/*cut*/') WHERE name = 'item'; PRAGMA writable_schema = RESET",
            "ALTER TABLE item ALTER tally DROP DEFAULT",
            "ALTER TABLE item ALTER tally DROP DEFAULT",
        ],
        undo: [
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '/*cut*/', 'DEFAULT (7)') WHERE name = 'item'; PRAGMA writable_schema = RESET",
            "ALTER TABLE item ALTER tally SET DEFAULT 7",
            "ALTER TABLE item ALTER tally SET DEFAULT 7",
        ],
        says: "the default is not there",
        exists: always,
    },
    SchemaKind {
        name: "NULL is allowed",
        act: [
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'NOT NULL', '/*cut*/') WHERE name = 'child'; PRAGMA writable_schema = RESET",
            "ALTER TABLE child ALTER up DROP NOT NULL",
            "ALTER TABLE child MODIFY up bigint",
        ],
        undo: [
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '/*cut*/', 'NOT NULL') WHERE name = 'child'; PRAGMA writable_schema = RESET",
            "ALTER TABLE child ALTER up SET NOT NULL",
            "ALTER TABLE child MODIFY up bigint NOT NULL",
        ],
        says: "NULL is allowed",
        exists: always,
    },
    SchemaKind {
        name: "NULL is refused",
        act: [
            "",
            "ALTER TABLE child ALTER spot SET NOT NULL",
            "ALTER TABLE child MODIFY spot bigint NOT NULL",
        ],
        undo: [
            "",
            "ALTER TABLE child ALTER spot DROP NOT NULL",
            "ALTER TABLE child MODIFY spot bigint",
        ],
        says: "NULL is refused",
        exists: always,
    },
    SchemaKind {
        name: "a counter is behind",
        act: [
            // Only here can a counter fall behind its rows.
            "",
            "SELECT setval(pg_get_serial_sequence('child', 'id'), 5)",
            "",
        ],
        undo: [
            "",
            "SELECT setval(pg_get_serial_sequence('child', 'id'), 40)",
            "",
        ],
        says: "the counter would give",
        exists: always,
    },
    SchemaKind {
        name: "a column does not count any more",
        act: [
            "",
            "ALTER TABLE child ALTER id DROP IDENTITY",
            "ALTER TABLE child MODIFY id bigint NOT NULL",
        ],
        undo: [
            "",
            "ALTER TABLE child ALTER id ADD GENERATED BY DEFAULT AS IDENTITY; SELECT setval(pg_get_serial_sequence('child', 'id'), 40)",
            "ALTER TABLE child MODIFY id bigint NOT NULL AUTO_INCREMENT",
        ],
        says: "it does not count by itself",
        exists: always,
    },
    SchemaKind {
        name: "a primary key is gone",
        act: [
            "",
            "ALTER TABLE guid DROP CONSTRAINT guid_pkey",
            "ALTER TABLE guid DROP PRIMARY KEY",
        ],
        undo: [
            "",
            "ALTER TABLE guid ADD PRIMARY KEY (u)",
            "ALTER TABLE guid ADD PRIMARY KEY (u)",
        ],
        says: "the primary key (u) is not there",
        exists: always,
    },
    SchemaKind {
        name: "a column is too narrow",
        act: [
            "",
            "ALTER TABLE child ALTER spot TYPE smallint",
            "ALTER TABLE child MODIFY spot tinyint",
        ],
        undo: [
            "",
            "ALTER TABLE child ALTER spot TYPE bigint",
            "ALTER TABLE child MODIFY spot bigint",
        ],
        says: "the type is",
        exists: always,
    },
    SchemaKind {
        name: "a view is gone",
        act: ["DROP VIEW heavy"; 3],
        undo: ["CREATE VIEW heavy AS SELECT id FROM parent WHERE weight > 2"; 3],
        says: "the view is not there",
        // Queries are not translated.
        exists: |from, to| from == to,
    },
];
