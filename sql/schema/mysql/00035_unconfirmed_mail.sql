-- Whose e-mail address in the profile is only what they typed themselves: no mail goes there until a link in one was followed. Addresses of before count as confirmed.
-- +goose Up
CREATE TABLE IF NOT EXISTS `unconfirmed_mail` (
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `since` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    PRIMARY KEY (`username`, `domain`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
