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
CREATE TABLE `admin_privilege` (
    `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `priv_name` VARCHAR(64) DEFAULT '' NOT NULL,
    `priv_value` VARCHAR(64) DEFAULT '' NOT NULL,
    CONSTRAINT `admin_privilege_privilege_idx` UNIQUE (`username`, `domain`, `priv_name`, `priv_value`)
);
CREATE TABLE `audit` (
    `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    `time` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `actor` VARCHAR(128) DEFAULT '' NOT NULL,
    `source` VARCHAR(64) DEFAULT '' NOT NULL,
    `action` VARCHAR(64) DEFAULT '' NOT NULL,
    `object` VARCHAR(255) DEFAULT '' NOT NULL,
    `state_before` VARCHAR(4096) DEFAULT '' NOT NULL,
    `state_after` VARCHAR(4096) DEFAULT '' NOT NULL
);
CREATE TABLE `call_log` (
    `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
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
    `caller_seen` INTEGER DEFAULT 0 NOT NULL,
    `callee_seen` INTEGER DEFAULT 0 NOT NULL,
    `caller_deleted` INTEGER DEFAULT 0 NOT NULL,
    `callee_deleted` INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT `call_log_call_idx` UNIQUE (`callid`, `from_tag`, `callee_username`, `callee_domain`)
);
CREATE TABLE `credential_sha256` (
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `ha1` VARCHAR(128) DEFAULT '' NOT NULL,
    `sha256` VARCHAR(128) DEFAULT '' NOT NULL,
    `sha256b` VARCHAR(128) DEFAULT '' NOT NULL,
    `modified` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    PRIMARY KEY (`username`, `domain`)
) WITHOUT ROWID;
INSERT INTO "credential_sha256" VALUES('alice','example.org','db25ea610c2a955b77b272273cbe886b','85c5b324185ad0cd3068e51763c45a475914956c18854598614045b289c51430','87ff1c1a451d8600fd9c4877a2b7656f19c2b52d6b445e04832737e9408f45e8','2026-03-01 12:00:00');
INSERT INTO "credential_sha256" VALUES('žofie😀','example.org','a925036696dc3b1ebe5a5430df19353b','157bdf2850add7abc035f0fcbb3975558962278635e0f0feed31f46bfb5fa276','0035916380a76de6dc0d56854b30f2ab2eb89eeb4ffbb1a9ff9ab96e889c9beb','2026-03-01 12:00:00');
CREATE TABLE `dbaliases` (
    `id` INTEGER PRIMARY KEY NOT NULL,
    `alias_username` VARCHAR(64) DEFAULT '' NOT NULL,
    `alias_domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    CONSTRAINT `dbaliases_alias_idx` UNIQUE (`alias_username`, `alias_domain`)
);
INSERT INTO "dbaliases" VALUES(1,'alice2','example.org','alice','example.org');
CREATE TABLE `dial_history` (
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `uri` VARCHAR(255) NOT NULL,
    `time` DATETIME NOT NULL,
    PRIMARY KEY (`username`, `domain`, `uri`)
) WITHOUT ROWID;
INSERT INTO "dial_history" VALUES('alice','example.org','sip:bob@example.org','2026-03-01 12:00:00.000000');
CREATE TABLE `domain` (
    `id` INTEGER PRIMARY KEY NOT NULL,
    `domain` VARCHAR(64) NOT NULL,
    `did` VARCHAR(64) DEFAULT NULL,
    `last_modified` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    CONSTRAINT `domain_domain_idx` UNIQUE (`domain`)
);
INSERT INTO "domain" VALUES(1,'example.org',NULL,'2026-03-01 12:00:00');
CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
INSERT INTO "goose_db_version" VALUES(1,0,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(2,1,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(3,2,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(4,3,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(5,4,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(6,5,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(7,6,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(8,7,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(9,8,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(10,9,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(11,10,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(12,11,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(13,12,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(14,13,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(15,14,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(16,15,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(17,16,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(18,17,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(19,18,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(20,19,1,'2026-11-25 16:01:32');
INSERT INTO "goose_db_version" VALUES(21,20,1,'2026-11-25 16:01:32');
CREATE TABLE `grp` (
    `id` INTEGER PRIMARY KEY NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `grp` VARCHAR(64) DEFAULT '' NOT NULL,
    `last_modified` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    CONSTRAINT `grp_account_group_idx` UNIQUE (`username`, `domain`, `grp`)
);
INSERT INTO "grp" VALUES(1,'alice','example.org','ld','2026-03-01 12:00:00');
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
INSERT INTO "location" VALUES(1,'rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr','žofie😀','example.org','žžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžž','rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr','pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp','2026-03-01 13:00:00',0.37,'ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc',2147483647,'2026-03-01 12:00:00',-1,-2147483648,'😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀','ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss',-2147483641,'<urn:uuid:''"\>iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii',2147483647,-1,-2147483648,1,2);
CREATE TABLE `missed_calls` (
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
CREATE TABLE `pending` (
    `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    `token_hash` VARCHAR(64) NOT NULL,
    `kind` VARCHAR(16) DEFAULT '' NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `email` VARCHAR(254) DEFAULT '' NOT NULL,
    `payload` TEXT,
    `created` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `expires` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    CONSTRAINT `pending_token_idx` UNIQUE (`token_hash`)
);
CREATE TABLE `phonebook` (
    `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `fname` VARCHAR(64) COLLATE NOCASE DEFAULT '' NOT NULL,
    `lname` VARCHAR(64) COLLATE NOCASE DEFAULT '' NOT NULL,
    `sip_uri` VARCHAR(255) DEFAULT '' NOT NULL,
    `grp_name` VARCHAR(64) COLLATE NOCASE DEFAULT '' NOT NULL,
    `note` VARCHAR(255) DEFAULT '' NOT NULL,
    `search` VARCHAR(800) DEFAULT '' NOT NULL,
    `created` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `modified` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL
);
INSERT INTO "phonebook" VALUES(1,'alice','example.org','Žofie 😀','','sip:bob@example.org','Práce','quote '' and \','žofie 😀  sip:bob@example.org práce quote '' and \','2026-03-01 12:00:00','2026-03-01 12:00:00');
CREATE TABLE `profile` (
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `first_name` VARCHAR(64) COLLATE NOCASE DEFAULT '' NOT NULL,
    `last_name` VARCHAR(64) COLLATE NOCASE DEFAULT '' NOT NULL,
    `email` VARCHAR(254) COLLATE NOCASE DEFAULT '' NOT NULL,
    `phone` VARCHAR(32) DEFAULT '' NOT NULL,
    `time_zone` VARCHAR(64) DEFAULT '' NOT NULL,
    `language` VARCHAR(16) DEFAULT '' NOT NULL,
    `theme` VARCHAR(8) DEFAULT '' NOT NULL,
    `presence` VARCHAR(16) DEFAULT 'signed-in' NOT NULL,
    `findable` INTEGER DEFAULT 0 NOT NULL,
    `auto_answer` INTEGER DEFAULT 0 NOT NULL,
    `missed_mail` VARCHAR(254) DEFAULT '' NOT NULL,
    `disabled` INTEGER DEFAULT 0 NOT NULL,
    `search` VARCHAR(512) DEFAULT '' NOT NULL,
    `created` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `modified` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    PRIMARY KEY (`username`, `domain`)
) WITHOUT ROWID;
INSERT INTO "profile" VALUES('alice','example.org','Žofie 😀','O''Brien\','z@example.org','+420 (1) 2-3/4.5','Europe/Prague','pt-BR','dark','everyone',1,1,'m@example.org',0,'alice žofie 😀 o''brien\ z@example.org','2026-03-01 12:00:00','2026-03-01 12:00:00');
CREATE TABLE `session` (
    `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    `token_hash` VARCHAR(64) NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `kind` VARCHAR(8) DEFAULT '' NOT NULL,
    `created` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `last_seen` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `idle_seconds` INTEGER DEFAULT 0 NOT NULL,
    `idle_until` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `expires` DATETIME DEFAULT '2000-01-01 00:00:01' NOT NULL,
    `user_agent` VARCHAR(255) DEFAULT '' NOT NULL,
    `ip` VARCHAR(64) DEFAULT '' NOT NULL,
    CONSTRAINT `session_token_idx` UNIQUE (`token_hash`)
);
CREATE TABLE `silo` (
    `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    `src_addr` VARCHAR(255) DEFAULT '' NOT NULL,
    `dst_addr` VARCHAR(255) DEFAULT '' NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `inc_time` INTEGER DEFAULT 0 NOT NULL,
    `exp_time` INTEGER DEFAULT 0 NOT NULL,
    `snd_time` INTEGER DEFAULT 0 NOT NULL,
    `ctype` VARCHAR(32) DEFAULT 'text/plain' NOT NULL,
    `body` BLOB,
    `extra_hdrs` TEXT,
    `callid` VARCHAR(128) DEFAULT '' NOT NULL,
    `status` INTEGER DEFAULT 0 NOT NULL
);
INSERT INTO "silo" VALUES(1,'sip:bob@example.org','sip:alice@example.org','alice','example.org',1772366400,1772625600,0,'text/plain','Hello',NULL,'x',0);
CREATE TABLE `silo_state` (
    `silo_id` INTEGER NOT NULL,
    `read_time` DATETIME DEFAULT NULL,
    `attempts` INTEGER DEFAULT 0 NOT NULL,
    `last_time` DATETIME DEFAULT NULL,
    `last_code` VARCHAR(3) DEFAULT '' NOT NULL,
    `refused` INTEGER DEFAULT 0 NOT NULL,
    PRIMARY KEY (`silo_id`)
);
CREATE TABLE `subscriber` (
    `id` INTEGER PRIMARY KEY NOT NULL,
    `username` VARCHAR(64) DEFAULT '' NOT NULL,
    `domain` VARCHAR(64) DEFAULT '' NOT NULL,
    `password` VARCHAR(64) DEFAULT '' NOT NULL,
    `ha1` VARCHAR(128) DEFAULT '' NOT NULL,
    `ha1b` VARCHAR(128) DEFAULT '' NOT NULL,
    CONSTRAINT `subscriber_account_idx` UNIQUE (`username`, `domain`)
);
INSERT INTO "subscriber" VALUES(1,'alice','example.org','','db25ea610c2a955b77b272273cbe886b','5fc161ec8afcadadfd8eb255456850d4');
INSERT INTO "subscriber" VALUES(2,'žofie😀','example.org','','a925036696dc3b1ebe5a5430df19353b','32a73058e8ccb14240596fcc5b59fe43');
CREATE TABLE `version` (
    `id` INTEGER PRIMARY KEY NOT NULL,
    `table_name` VARCHAR(32) NOT NULL,
    `table_version` INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT `version_table_name_idx` UNIQUE (`table_name`)
);
INSERT INTO "version" VALUES(1,'version',1);
INSERT INTO "version" VALUES(2,'subscriber',7);
INSERT INTO "version" VALUES(3,'location',9);
INSERT INTO "version" VALUES(4,'acc',5);
INSERT INTO "version" VALUES(5,'missed_calls',4);
INSERT INTO "version" VALUES(6,'silo',8);
INSERT INTO "version" VALUES(7,'dbaliases',1);
INSERT INTO "version" VALUES(8,'grp',2);
INSERT INTO "version" VALUES(9,'domain',2);
CREATE INDEX `subscriber_username_idx` ON `subscriber` (`username`);
CREATE INDEX `location_account_contact_idx` ON `location` (`username`, `domain`, `contact`);
CREATE INDEX `location_expires_idx` ON `location` (`expires`);
CREATE INDEX `location_tcpcon_idx` ON `location` (`connection_id`);
CREATE INDEX `location_connection_idx` ON `location` (`server_id`, `connection_id`);
CREATE INDEX `acc_callid_idx` ON `acc` (`callid`);
CREATE INDEX `missed_calls_callid_idx` ON `missed_calls` (`callid`);
CREATE INDEX `silo_account_idx` ON `silo` (`username`, `domain`);
CREATE INDEX `dbaliases_alias_user_idx` ON `dbaliases` (`alias_username`);
CREATE INDEX `dbaliases_target_idx` ON `dbaliases` (`username`, `domain`);
CREATE INDEX `phonebook_owner_idx` ON `phonebook` (`username`, `domain`);
CREATE INDEX `phonebook_address_idx` ON `phonebook` (`username`, `domain`, `sip_uri`);
CREATE INDEX `session_account_idx` ON `session` (`username`, `domain`);
CREATE INDEX `session_expires_idx` ON `session` (`expires`);
CREATE INDEX `session_idle_idx` ON `session` (`idle_until`);
CREATE INDEX `audit_time_idx` ON `audit` (`time`);
CREATE INDEX `audit_object_idx` ON `audit` (`object`, `time`);
CREATE INDEX `pending_account_idx` ON `pending` (`username`, `domain`);
CREATE INDEX `pending_expires_idx` ON `pending` (`expires`);
CREATE INDEX `call_log_caller_idx` ON `call_log` (`caller_username`, `caller_domain`, `started`);
CREATE INDEX `call_log_callee_idx` ON `call_log` (`callee_username`, `callee_domain`, `started`);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('goose_db_version',21);
INSERT INTO "sqlite_sequence" VALUES('phonebook',1);
INSERT INTO "sqlite_sequence" VALUES('silo',1);
