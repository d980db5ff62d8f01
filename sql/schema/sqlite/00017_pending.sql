-- Sign-ups, new passwords and mail addresses that wait for a confirmation by mail.
-- +goose Up
CREATE TABLE `pending` (
    `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    `token_hash` VARCHAR(64) NOT NULL,
    `kind` VARCHAR(16) DEFAULT '' NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `email` VARCHAR(254) DEFAULT '' NOT NULL,
    `payload` TEXT,
    `created` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `expires` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    CONSTRAINT `pending_token_idx` UNIQUE (`token_hash`)
);
CREATE INDEX `pending_account_idx` ON `pending` (`username`, `domain`);
CREATE INDEX `pending_expires_idx` ON `pending` (`expires`);
