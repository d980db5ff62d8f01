-- What a subscriber tells and wishes. The column search holds the folded text that lists are searched by.
-- +goose Up
CREATE TABLE IF NOT EXISTS `profile` (
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `first_name` VARCHAR(64) COLLATE utf8mb4_unicode_ci DEFAULT '' NOT NULL,
    `last_name` VARCHAR(64) COLLATE utf8mb4_unicode_ci DEFAULT '' NOT NULL,
    `email` VARCHAR(254) COLLATE utf8mb4_unicode_ci DEFAULT '' NOT NULL,
    `phone` VARCHAR(32) DEFAULT '' NOT NULL,
    `time_zone` VARCHAR(64) DEFAULT '' NOT NULL,
    `language` VARCHAR(16) DEFAULT '' NOT NULL,
    `theme` VARCHAR(8) DEFAULT '' NOT NULL,
    `presence` VARCHAR(16) DEFAULT 'signed-in' NOT NULL,
    `findable` TINYINT(1) DEFAULT 0 NOT NULL,
    `auto_answer` TINYINT(1) DEFAULT 0 NOT NULL,
    `missed_mail` VARCHAR(254) DEFAULT '' NOT NULL,
    `disabled` TINYINT(1) DEFAULT 0 NOT NULL,
    `search` VARCHAR(512) DEFAULT '' NOT NULL,
    `created` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `modified` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    PRIMARY KEY (`username`, `domain`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
