-- Kamailio 5.6, acc 5, with the extra columns of its stock configuration.
-- +goose Up
CREATE TABLE `acc` (
    `id` INTEGER PRIMARY KEY NOT NULL,
    `method` VARCHAR(16) DEFAULT '' NOT NULL,
    `from_tag` VARCHAR(128) DEFAULT '' NOT NULL,
    `to_tag` VARCHAR(128) DEFAULT '' NOT NULL,
    `callid` VARCHAR(255) DEFAULT '' NOT NULL,
    `sip_code` VARCHAR(3) DEFAULT '' NOT NULL,
    `sip_reason` VARCHAR(128) DEFAULT '' NOT NULL,
    `time` DATETIME NOT NULL,
    `src_user` VARCHAR(64) DEFAULT '' NOT NULL,
    `src_domain` VARCHAR(128) DEFAULT '' NOT NULL,
    `src_ip` VARCHAR(64) DEFAULT '' NOT NULL,
    `dst_ouser` VARCHAR(64) DEFAULT '' NOT NULL,
    `dst_user` VARCHAR(64) DEFAULT '' NOT NULL,
    `dst_domain` VARCHAR(128) DEFAULT '' NOT NULL
);
CREATE INDEX `acc_callid_idx` ON `acc` (`callid`);
