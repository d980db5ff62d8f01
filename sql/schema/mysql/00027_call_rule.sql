-- What becomes of the calls to a subscriber, in his own words: forward them (always, busy,
-- noanswer, offline) to target, do not disturb (dnd), refuse callers (block) by pattern.
-- +goose Up
CREATE TABLE IF NOT EXISTS `call_rule` (
    `id` INT(10) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `kind` VARCHAR(16) NOT NULL,
    `pattern` VARCHAR(128) DEFAULT '' NOT NULL,
    `target` VARCHAR(255) DEFAULT '' NOT NULL,
    `seconds` INT DEFAULT 0 NOT NULL,
    `enabled` INT DEFAULT 1 NOT NULL,
    CONSTRAINT `rule_idx` UNIQUE (`username`, `domain`, `kind`, `pattern`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
