-- Kamailio 5.6, usrloc 9. A permanent binding expires in the year 9999.
-- +goose Up
CREATE TABLE `location` (
    `id` INTEGER PRIMARY KEY NOT NULL,
    `ruid` VARCHAR(64) DEFAULT '' NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT NULL,
    `contact` VARCHAR(512) DEFAULT '' NOT NULL,
    `received` VARCHAR(128) DEFAULT NULL,
    `path` VARCHAR(512) DEFAULT NULL,
    `expires` DATETIME DEFAULT '9999-01-01 00:00:00' NOT NULL,
    `q` REAL DEFAULT 1.0 NOT NULL,
    `callid` VARCHAR(255) DEFAULT 'Default-Call-ID' NOT NULL,
    `cseq` INTEGER DEFAULT 1 NOT NULL,
    `last_modified` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `flags` INTEGER DEFAULT 0 NOT NULL,
    `cflags` INTEGER DEFAULT 0 NOT NULL,
    `user_agent` VARCHAR(255) DEFAULT '' NOT NULL,
    `socket` VARCHAR(64) DEFAULT NULL,
    `methods` INTEGER DEFAULT NULL,
    `instance` VARCHAR(255) DEFAULT NULL,
    `reg_id` INTEGER DEFAULT 0 NOT NULL,
    `server_id` INTEGER DEFAULT 0 NOT NULL,
    `connection_id` INTEGER DEFAULT 0 NOT NULL,
    `keepalive` INTEGER DEFAULT 0 NOT NULL,
    `partition` INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT `location_ruid_idx` UNIQUE (`ruid`)
);
CREATE INDEX `location_account_contact_idx` ON `location` (`username`, `domain`, `contact`);
CREATE INDEX `location_expires_idx` ON `location` (`expires`);
CREATE INDEX `location_tcpcon_idx` ON `location` (`connection_id`);
CREATE INDEX `location_connection_idx` ON `location` (`server_id`, `connection_id`);
