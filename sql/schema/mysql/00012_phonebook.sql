-- The entries of each owner. The column search holds the folded text that lists are searched by.
-- +goose Up
CREATE TABLE IF NOT EXISTS `phonebook` (
    `id` BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `fname` VARCHAR(64) COLLATE utf8mb4_unicode_ci DEFAULT '' NOT NULL,
    `lname` VARCHAR(64) COLLATE utf8mb4_unicode_ci DEFAULT '' NOT NULL,
    `sip_uri` VARCHAR(255) DEFAULT '' NOT NULL,
    `grp_name` VARCHAR(64) COLLATE utf8mb4_unicode_ci DEFAULT '' NOT NULL,
    `note` VARCHAR(255) DEFAULT '' NOT NULL,
    `search` VARCHAR(800) DEFAULT '' NOT NULL,
    `created` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `modified` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    KEY `owner_idx` (`username`, `domain`),
    KEY `address_idx` (`username`, `domain`, `sip_uri`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
