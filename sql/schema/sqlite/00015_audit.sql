-- Who changed what, when and from where.
-- +goose Up
CREATE TABLE `audit` (
    `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    `time` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `actor` VARCHAR(128) DEFAULT '' NOT NULL,
    `source` VARCHAR(64) DEFAULT '' NOT NULL,
    `action` VARCHAR(64) DEFAULT '' NOT NULL,
    `object` VARCHAR(255) DEFAULT '' NOT NULL,
    `state_before` VARCHAR(4096) DEFAULT '' NOT NULL,
    `state_after` VARCHAR(4096) DEFAULT '' NOT NULL
);
CREATE INDEX `audit_time_idx` ON `audit` (`time`);
CREATE INDEX `audit_object_idx` ON `audit` (`object`, `time`);
