-- Every call as the portal shows it, with the marks of each side.
-- +goose Up
CREATE TABLE IF NOT EXISTS `call_log` (
    `id` BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL,
    `callid` VARCHAR(255) DEFAULT '' NOT NULL,
    `from_tag` VARCHAR(128) DEFAULT '' NOT NULL,
    `caller_username` VARCHAR(64) DEFAULT '' NOT NULL,
    `caller_domain` VARCHAR(128) DEFAULT '' NOT NULL,
    `caller_name` VARCHAR(128) DEFAULT '' NOT NULL,
    `callee_username` VARCHAR(64) DEFAULT '' NOT NULL,
    `callee_domain` VARCHAR(128) DEFAULT '' NOT NULL,
    `callee_name` VARCHAR(128) DEFAULT '' NOT NULL,
    `target_uri` VARCHAR(255) DEFAULT '' NOT NULL,
    `started` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `answered` DATETIME DEFAULT NULL,
    `ended` DATETIME DEFAULT NULL,
    `sip_code` VARCHAR(3) DEFAULT '' NOT NULL,
    `sip_reason` VARCHAR(128) DEFAULT '' NOT NULL,
    `hung_up_by` VARCHAR(8) DEFAULT '' NOT NULL,
    `caller_seen` TINYINT(1) DEFAULT 0 NOT NULL,
    `callee_seen` TINYINT(1) DEFAULT 0 NOT NULL,
    `caller_deleted` TINYINT(1) DEFAULT 0 NOT NULL,
    `callee_deleted` TINYINT(1) DEFAULT 0 NOT NULL,
    CONSTRAINT `call_idx` UNIQUE (`callid`, `from_tag`, `callee_username`, `callee_domain`),
    KEY `caller_idx` (`caller_username`, `caller_domain`, `started`),
    KEY `callee_idx` (`callee_username`, `callee_domain`, `started`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
