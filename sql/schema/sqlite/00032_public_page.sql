-- What a subscriber lets strangers do on the public page, beside the presence in profile.
-- +goose Up
CREATE TABLE `public_page` (
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `call_me` INTEGER DEFAULT 0 NOT NULL,
    PRIMARY KEY (`username`, `domain`)
) WITHOUT ROWID;
