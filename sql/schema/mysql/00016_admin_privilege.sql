-- What an operator may do.
-- +goose Up
CREATE TABLE IF NOT EXISTS `admin_privilege` (
    `id` BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `priv_name` VARCHAR(64) DEFAULT '' NOT NULL,
    `priv_value` VARCHAR(64) DEFAULT '' NOT NULL,
    CONSTRAINT `privilege_idx` UNIQUE (`username`, `domain`, `priv_name`, `priv_value`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
