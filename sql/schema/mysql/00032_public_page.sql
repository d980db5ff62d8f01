-- What a subscriber lets strangers do on the public page, beside the presence in profile.
-- +goose Up
CREATE TABLE IF NOT EXISTS `public_page` (
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `call_me` TINYINT(1) DEFAULT 0 NOT NULL,
    PRIMARY KEY (`username`, `domain`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
