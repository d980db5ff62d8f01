-- Who is signed in to the portal; token_hash is the SHA-256 of the token in hex.
-- +goose Up
CREATE TABLE IF NOT EXISTS `session` (
    `id` BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL,
    `token_hash` VARCHAR(64) NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `kind` VARCHAR(8) DEFAULT '' NOT NULL,
    `created` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `last_seen` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `idle_seconds` INT(11) DEFAULT 0 NOT NULL,
    `idle_until` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `expires` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `user_agent` VARCHAR(255) DEFAULT '' NOT NULL,
    `ip` VARCHAR(64) DEFAULT '' NOT NULL,
    CONSTRAINT `token_idx` UNIQUE (`token_hash`),
    KEY `account_idx` (`username`, `domain`),
    KEY `expires_idx` (`expires`),
    KEY `idle_idx` (`idle_until`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
