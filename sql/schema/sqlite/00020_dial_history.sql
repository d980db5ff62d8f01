-- The addresses that a user called last from the portal, to the microsecond.
-- +goose Up
CREATE TABLE `dial_history` (
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `uri` VARCHAR(255) NOT NULL,
    `time` DATETIME NOT NULL,
    PRIMARY KEY (`username`, `domain`, `uri`)
) WITHOUT ROWID;
