-- What became of the attempts to deliver a stored message.
-- +goose Up
CREATE TABLE `silo_state` (
    `silo_id` INTEGER NOT NULL,
    `read_time` DATETIME DEFAULT NULL,
    `attempts` INTEGER DEFAULT 0 NOT NULL,
    `last_time` DATETIME DEFAULT NULL,
    `last_code` VARCHAR(3) DEFAULT '' NOT NULL,
    `refused` INTEGER DEFAULT 0 NOT NULL,
    PRIMARY KEY (`silo_id`)
);
