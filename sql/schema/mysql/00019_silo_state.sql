-- What became of the attempts to deliver a stored message.
-- +goose Up
CREATE TABLE IF NOT EXISTS `silo_state` (
    `silo_id` INT(10) UNSIGNED NOT NULL,
    `read_time` DATETIME DEFAULT NULL,
    `attempts` INT(11) DEFAULT 0 NOT NULL,
    `last_time` DATETIME DEFAULT NULL,
    `last_code` VARCHAR(3) DEFAULT '' NOT NULL,
    `refused` TINYINT(1) DEFAULT 0 NOT NULL,
    PRIMARY KEY (`silo_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
