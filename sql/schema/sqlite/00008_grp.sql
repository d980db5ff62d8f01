-- Kamailio 5.6, group 2.
-- +goose Up
CREATE TABLE `grp` (
    `id` INTEGER PRIMARY KEY NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `grp` VARCHAR(64) DEFAULT '' NOT NULL,
    `last_modified` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    CONSTRAINT `grp_account_group_idx` UNIQUE (`username`, `domain`, `grp`)
);
