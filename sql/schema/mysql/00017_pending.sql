-- Sign-ups, new passwords and mail addresses that wait for a confirmation by mail.
-- +goose Up
CREATE TABLE IF NOT EXISTS `pending` (
    `id` BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL,
    `token_hash` VARCHAR(64) NOT NULL,
    `kind` VARCHAR(16) DEFAULT '' NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `email` VARCHAR(254) DEFAULT '' NOT NULL,
    `payload` TEXT,
    `created` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `expires` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    CONSTRAINT `token_idx` UNIQUE (`token_hash`),
    KEY `account_idx` (`username`, `domain`),
    KEY `expires_idx` (`expires`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
