-- Entries that were deleted a moment ago, for a day, so that it can be taken back; batch names
-- those that went together.
-- +goose Up
CREATE TABLE `phonebook_trash` (
    `id` INTEGER PRIMARY KEY NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `fname` VARCHAR(64) DEFAULT '' NOT NULL,
    `lname` VARCHAR(64) DEFAULT '' NOT NULL,
    `sip_uri` VARCHAR(255) DEFAULT '' NOT NULL,
    `grp_name` VARCHAR(64) DEFAULT '' NOT NULL,
    `note` VARCHAR(255) DEFAULT '' NOT NULL,
    `search` VARCHAR(2200) DEFAULT '' NOT NULL,
    `created` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `modified` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `batch` VARCHAR(32) DEFAULT '' NOT NULL,
    `deleted` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL
);
CREATE INDEX `phonebook_trash_owner_idx` ON `phonebook_trash` (`username`, `domain`, `batch`);
