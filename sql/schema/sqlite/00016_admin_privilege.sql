-- What an operator may do.
-- +goose Up
CREATE TABLE `admin_privilege` (
    `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `priv_name` VARCHAR(64) DEFAULT '' NOT NULL,
    `priv_value` VARCHAR(64) DEFAULT '' NOT NULL,
    CONSTRAINT `admin_privilege_privilege_idx` UNIQUE (`username`, `domain`, `priv_name`, `priv_value`)
);
