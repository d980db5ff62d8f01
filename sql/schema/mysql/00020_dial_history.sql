-- The addresses that a user called last from the portal, to the microsecond.
-- +goose Up
CREATE TABLE IF NOT EXISTS `dial_history` (
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `uri` VARCHAR(255) NOT NULL,
    `time` DATETIME(6) NOT NULL,
    PRIMARY KEY (`username`, `domain`, `uri`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
