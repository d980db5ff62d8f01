-- Who asked a subscriber to call, on the public page, and from where.
-- +goose Up
CREATE TABLE `call_me` (
    `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `time` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `visitor` VARCHAR(255) DEFAULT '' NOT NULL,
    `source` VARCHAR(64) DEFAULT '' NOT NULL,
    `attempt` VARCHAR(128) DEFAULT '' NOT NULL
);
CREATE INDEX `call_me_owner_idx` ON `call_me` (`username`, `domain`, `time`);
CREATE INDEX `call_me_source_idx` ON `call_me` (`source`, `time`);
