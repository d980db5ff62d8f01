-- The entries of each owner. The column search holds the folded text that lists are searched by.
-- +goose Up
CREATE TABLE `phonebook` (
    `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `fname` VARCHAR(64) COLLATE NOCASE DEFAULT '' NOT NULL,
    `lname` VARCHAR(64) COLLATE NOCASE DEFAULT '' NOT NULL,
    `sip_uri` VARCHAR(255) DEFAULT '' NOT NULL,
    `grp_name` VARCHAR(64) COLLATE NOCASE DEFAULT '' NOT NULL,
    `note` VARCHAR(255) DEFAULT '' NOT NULL,
    `search` VARCHAR(800) DEFAULT '' NOT NULL,
    `created` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `modified` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL
);
CREATE INDEX `phonebook_owner_idx` ON `phonebook` (`username`, `domain`);
CREATE INDEX `phonebook_address_idx` ON `phonebook` (`username`, `domain`, `sip_uri`);
