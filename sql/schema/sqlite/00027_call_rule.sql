-- What becomes of the calls to a subscriber, in his own words: forward them (always, busy,
-- noanswer, offline) to target, do not disturb (dnd), refuse callers (block) by pattern.
-- +goose Up
CREATE TABLE `call_rule` (
    `id` INTEGER PRIMARY KEY NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `kind` VARCHAR(16) NOT NULL,
    `pattern` VARCHAR(128) DEFAULT '' NOT NULL,
    `target` VARCHAR(255) DEFAULT '' NOT NULL,
    `seconds` INTEGER DEFAULT 0 NOT NULL,
    `enabled` INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT `call_rule_rule_idx` UNIQUE (`username`, `domain`, `kind`, `pattern`)
);
