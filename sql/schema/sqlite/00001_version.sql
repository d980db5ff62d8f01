-- Kamailio's register of table versions: its modules and kamctl read it.
-- +goose Up
CREATE TABLE `version` (
    `id` INTEGER PRIMARY KEY NOT NULL,
    `table_name` VARCHAR(32) NOT NULL,
    `table_version` INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT `version_table_name_idx` UNIQUE (`table_name`)
);
