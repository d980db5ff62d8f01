-- What those who allow others to find them are found by: user name and names, never the mail
-- address. Who does not allow it has no row.
-- +goose Up
CREATE TABLE `white_page` (
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `search` VARCHAR(800) DEFAULT '' NOT NULL,
    PRIMARY KEY (`username`, `domain`)
) WITHOUT ROWID;
INSERT OR IGNORE INTO `white_page` (`username`, `domain`, `search`)
    SELECT `username`, `domain`, LOWER(`username` || ' ' || `first_name` || ' ' || `last_name`) FROM `profile` WHERE `findable` = 1;
