-- Who gets the daily mail of missed calls, what it told of last (a day of the user's, and the highest id of call_log), and the word by which it is turned off.
-- +goose Up
CREATE TABLE `missed_mail` (
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `day` VARCHAR(10) DEFAULT '' NOT NULL,
    `up_to` INTEGER DEFAULT 0 NOT NULL,
    `off_token` VARCHAR(64) DEFAULT '' NOT NULL,
    PRIMARY KEY (`username`, `domain`)
) WITHOUT ROWID;
CREATE INDEX `missed_mail_off_idx` ON `missed_mail` (`off_token`);
