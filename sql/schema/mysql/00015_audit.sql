-- Who changed what, when and from where.
-- +goose Up
CREATE TABLE IF NOT EXISTS `audit` (
    `id` BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL,
    `time` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `actor` VARCHAR(128) DEFAULT '' NOT NULL,
    `source` VARCHAR(64) DEFAULT '' NOT NULL,
    `action` VARCHAR(64) DEFAULT '' NOT NULL,
    `object` VARCHAR(255) DEFAULT '' NOT NULL,
    `state_before` VARCHAR(4096) DEFAULT '' NOT NULL,
    `state_after` VARCHAR(4096) DEFAULT '' NOT NULL,
    KEY `time_idx` (`time`),
    KEY `object_idx` (`object`, `time`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
