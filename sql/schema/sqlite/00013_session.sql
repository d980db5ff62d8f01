-- Who is signed in to the portal; token_hash is the SHA-256 of the token in hex.
-- +goose Up
CREATE TABLE `session` (
    `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    `token_hash` VARCHAR(64) NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `kind` VARCHAR(8) DEFAULT '' NOT NULL,
    `created` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `last_seen` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `idle_seconds` INTEGER DEFAULT 0 NOT NULL,
    `idle_until` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `expires` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `user_agent` VARCHAR(255) DEFAULT '' NOT NULL,
    `ip` VARCHAR(64) DEFAULT '' NOT NULL,
    CONSTRAINT `session_token_idx` UNIQUE (`token_hash`)
);
CREATE INDEX `session_account_idx` ON `session` (`username`, `domain`);
CREATE INDEX `session_expires_idx` ON `session` (`expires`);
CREATE INDEX `session_idle_idx` ON `session` (`idle_until`);
