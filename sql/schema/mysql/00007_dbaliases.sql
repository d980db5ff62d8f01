-- Kamailio 5.6, alias_db 1. An alias stands for one address only, so its index is unique here.
-- +goose Up
CREATE TABLE IF NOT EXISTS `dbaliases` (
    `id` INT(10) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL,
    `alias_username` VARCHAR(64) DEFAULT '' NOT NULL,
    `alias_domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    CONSTRAINT `alias_idx` UNIQUE (`alias_username`, `alias_domain`),
    KEY `alias_user_idx` (`alias_username`),
    KEY `target_idx` (`username`, `domain`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
