-- Who asked a subscriber to call, on the public page, and from where.
-- +goose Up
CREATE TABLE IF NOT EXISTS `call_me` (
    `id` BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `time` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `visitor` VARCHAR(255) DEFAULT '' NOT NULL,
    `source` VARCHAR(64) DEFAULT '' NOT NULL,
    `attempt` VARCHAR(128) DEFAULT '' NOT NULL,
    KEY `owner_idx` (`username`, `domain`, `time`),
    KEY `source_idx` (`source`, `time`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
