-- When the name of an account (or an alias) was last given and last freed by a deletion. Rows stay after the account: what is older than "since" was somebody else's, and a freed name is kept for a while.
-- +goose Up
CREATE TABLE IF NOT EXISTS `account_name` (
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `since` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `freed` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    PRIMARY KEY (`username`, `domain`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
