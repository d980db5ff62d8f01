-- Who gets the daily mail of missed calls, what it told of last (a day of the user's, and the highest id of call_log), and the word by which it is turned off.
-- +goose Up
CREATE TABLE IF NOT EXISTS `missed_mail` (
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `day` VARCHAR(10) DEFAULT '' NOT NULL,
    `up_to` BIGINT DEFAULT 0 NOT NULL,
    `off_token` VARCHAR(64) DEFAULT '' NOT NULL,
    PRIMARY KEY (`username`, `domain`),
    KEY `off_idx` (`off_token`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
