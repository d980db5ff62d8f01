-- SHA-256 digests (RFC 8760). A row counts only while its ha1 is that of the subscriber.
-- +goose Up
CREATE TABLE IF NOT EXISTS `credential_sha256` (
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `ha1` VARCHAR(128) DEFAULT '' NOT NULL,
    `sha256` VARCHAR(128) DEFAULT '' NOT NULL,
    `sha256b` VARCHAR(128) DEFAULT '' NOT NULL,
    `modified` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    PRIMARY KEY (`username`, `domain`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
