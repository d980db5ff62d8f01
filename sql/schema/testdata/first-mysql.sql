CREATE TABLE `acc` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `method` varchar(16) NOT NULL DEFAULT '',
  `from_tag` varchar(128) NOT NULL DEFAULT '',
  `to_tag` varchar(128) NOT NULL DEFAULT '',
  `callid` varchar(255) NOT NULL DEFAULT '',
  `sip_code` varchar(3) NOT NULL DEFAULT '',
  `sip_reason` varchar(128) NOT NULL DEFAULT '',
  `time` datetime NOT NULL,
  `src_user` varchar(64) NOT NULL DEFAULT '',
  `src_domain` varchar(128) NOT NULL DEFAULT '',
  `src_ip` varchar(64) NOT NULL DEFAULT '',
  `dst_ouser` varchar(64) NOT NULL DEFAULT '',
  `dst_user` varchar(64) NOT NULL DEFAULT '',
  `dst_domain` varchar(128) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`),
  KEY `callid_idx` (`callid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE `admin_privilege` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `username` varchar(64) NOT NULL DEFAULT '',
  `domain` varchar(64) NOT NULL DEFAULT '',
  `priv_name` varchar(64) NOT NULL DEFAULT '',
  `priv_value` varchar(64) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`),
  UNIQUE KEY `privilege_idx` (`username`,`domain`,`priv_name`,`priv_value`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE `audit` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `time` datetime NOT NULL DEFAULT '2000-01-01 00:00:01',
  `actor` varchar(128) NOT NULL DEFAULT '',
  `source` varchar(64) NOT NULL DEFAULT '',
  `action` varchar(64) NOT NULL DEFAULT '',
  `object` varchar(255) NOT NULL DEFAULT '',
  `state_before` varchar(4096) NOT NULL DEFAULT '',
  `state_after` varchar(4096) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`),
  KEY `time_idx` (`time`),
  KEY `object_idx` (`object`,`time`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE `call_log` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `callid` varchar(255) NOT NULL DEFAULT '',
  `from_tag` varchar(128) NOT NULL DEFAULT '',
  `caller_username` varchar(64) NOT NULL DEFAULT '',
  `caller_domain` varchar(128) NOT NULL DEFAULT '',
  `caller_name` varchar(128) NOT NULL DEFAULT '',
  `callee_username` varchar(64) NOT NULL DEFAULT '',
  `callee_domain` varchar(128) NOT NULL DEFAULT '',
  `callee_name` varchar(128) NOT NULL DEFAULT '',
  `target_uri` varchar(255) NOT NULL DEFAULT '',
  `started` datetime NOT NULL DEFAULT '2000-01-01 00:00:01',
  `answered` datetime DEFAULT NULL,
  `ended` datetime DEFAULT NULL,
  `sip_code` varchar(3) NOT NULL DEFAULT '',
  `sip_reason` varchar(128) NOT NULL DEFAULT '',
  `hung_up_by` varchar(8) NOT NULL DEFAULT '',
  `caller_seen` tinyint(1) NOT NULL DEFAULT 0,
  `callee_seen` tinyint(1) NOT NULL DEFAULT 0,
  `caller_deleted` tinyint(1) NOT NULL DEFAULT 0,
  `callee_deleted` tinyint(1) NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`),
  UNIQUE KEY `call_idx` (`callid`,`from_tag`,`callee_username`,`callee_domain`),
  KEY `caller_idx` (`caller_username`,`caller_domain`,`started`),
  KEY `callee_idx` (`callee_username`,`callee_domain`,`started`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE `credential_sha256` (
  `username` varchar(64) NOT NULL DEFAULT '',
  `domain` varchar(64) NOT NULL DEFAULT '',
  `ha1` varchar(128) NOT NULL DEFAULT '',
  `sha256` varchar(128) NOT NULL DEFAULT '',
  `sha256b` varchar(128) NOT NULL DEFAULT '',
  `modified` datetime NOT NULL DEFAULT '2000-01-01 00:00:01',
  PRIMARY KEY (`username`,`domain`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `credential_sha256` VALUES ('alice','example.org','db25ea610c2a955b77b272273cbe886b','85c5b324185ad0cd3068e51763c45a475914956c18854598614045b289c51430','87ff1c1a451d8600fd9c4877a2b7656f19c2b52d6b445e04832737e9408f45e8','2026-03-01 12:00:00');
INSERT INTO `credential_sha256` VALUES ('žofie😀','example.org','a925036696dc3b1ebe5a5430df19353b','157bdf2850add7abc035f0fcbb3975558962278635e0f0feed31f46bfb5fa276','0035916380a76de6dc0d56854b30f2ab2eb89eeb4ffbb1a9ff9ab96e889c9beb','2026-03-01 12:00:00');
CREATE TABLE `dbaliases` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `alias_username` varchar(64) NOT NULL DEFAULT '',
  `alias_domain` varchar(64) NOT NULL DEFAULT '',
  `username` varchar(64) NOT NULL DEFAULT '',
  `domain` varchar(64) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`),
  UNIQUE KEY `alias_idx` (`alias_username`,`alias_domain`),
  KEY `alias_user_idx` (`alias_username`),
  KEY `target_idx` (`username`,`domain`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `dbaliases` VALUES (1,'alice2','example.org','alice','example.org');
CREATE TABLE `dial_history` (
  `username` varchar(64) NOT NULL DEFAULT '',
  `domain` varchar(64) NOT NULL DEFAULT '',
  `uri` varchar(255) NOT NULL,
  `time` datetime(6) NOT NULL,
  PRIMARY KEY (`username`,`domain`,`uri`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `dial_history` VALUES ('alice','example.org','sip:bob@example.org','2026-03-01 12:00:00.000000');
CREATE TABLE `domain` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `domain` varchar(64) NOT NULL,
  `did` varchar(64) DEFAULT NULL,
  `last_modified` datetime NOT NULL DEFAULT '2000-01-01 00:00:01',
  PRIMARY KEY (`id`),
  UNIQUE KEY `domain_idx` (`domain`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `domain` VALUES (1,'example.org',NULL,'2026-03-01 12:00:00');
CREATE TABLE `goose_db_version` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `version_id` bigint(20) NOT NULL,
  `is_applied` tinyint(1) NOT NULL,
  `tstamp` datetime DEFAULT current_timestamp(),
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=22 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `goose_db_version` VALUES (1,0,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (2,1,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (3,2,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (4,3,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (5,4,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (6,5,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (7,6,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (8,7,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (9,8,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (10,9,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (11,10,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (12,11,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (13,12,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (14,13,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (15,14,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (16,15,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (17,16,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (18,17,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (19,18,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (20,19,1,'2026-11-25 16:01:31');
INSERT INTO `goose_db_version` VALUES (21,20,1,'2026-11-25 16:01:31');
CREATE TABLE `grp` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `username` varchar(64) NOT NULL DEFAULT '',
  `domain` varchar(64) NOT NULL DEFAULT '',
  `grp` varchar(64) NOT NULL DEFAULT '',
  `last_modified` datetime NOT NULL DEFAULT '2000-01-01 00:00:01',
  PRIMARY KEY (`id`),
  UNIQUE KEY `account_group_idx` (`username`,`domain`,`grp`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `grp` VALUES (1,'alice','example.org','ld','2026-03-01 12:00:00');
CREATE TABLE `location` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `ruid` varchar(64) NOT NULL DEFAULT '',
  `username` varchar(64) NOT NULL DEFAULT '',
  `domain` varchar(64) DEFAULT NULL,
  `contact` varchar(512) NOT NULL DEFAULT '',
  `received` varchar(128) DEFAULT NULL,
  `path` varchar(512) DEFAULT NULL,
  `expires` datetime NOT NULL DEFAULT '9999-01-01 00:00:00',
  `q` float(10,2) NOT NULL DEFAULT 1.00,
  `callid` varchar(255) NOT NULL DEFAULT 'Default-Call-ID',
  `cseq` int(11) NOT NULL DEFAULT 1,
  `last_modified` datetime NOT NULL DEFAULT '2000-01-01 00:00:01',
  `flags` int(11) NOT NULL DEFAULT 0,
  `cflags` int(11) NOT NULL DEFAULT 0,
  `user_agent` varchar(255) NOT NULL DEFAULT '',
  `socket` varchar(64) DEFAULT NULL,
  `methods` int(11) DEFAULT NULL,
  `instance` varchar(255) DEFAULT NULL,
  `reg_id` int(11) NOT NULL DEFAULT 0,
  `server_id` int(11) NOT NULL DEFAULT 0,
  `connection_id` int(11) NOT NULL DEFAULT 0,
  `keepalive` int(11) NOT NULL DEFAULT 0,
  `partition` int(11) NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`),
  UNIQUE KEY `ruid_idx` (`ruid`),
  KEY `account_contact_idx` (`username`,`domain`,`contact`),
  KEY `expires_idx` (`expires`),
  KEY `tcpcon_idx` (`connection_id`),
  KEY `connection_idx` (`server_id`,`connection_id`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `location` VALUES (1,'rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr','žofie😀','example.org','žžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžžž','rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr','pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp','2026-03-01 13:00:00',0.37,'ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc',2147483647,'2026-03-01 12:00:00',-1,-2147483648,'😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀','ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss',-2147483641,'<urn:uuid:\'\"\\>iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii',2147483647,-1,-2147483648,1,2);
CREATE TABLE `missed_calls` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `method` varchar(16) NOT NULL DEFAULT '',
  `from_tag` varchar(128) NOT NULL DEFAULT '',
  `to_tag` varchar(128) NOT NULL DEFAULT '',
  `callid` varchar(255) NOT NULL DEFAULT '',
  `sip_code` varchar(3) NOT NULL DEFAULT '',
  `sip_reason` varchar(128) NOT NULL DEFAULT '',
  `time` datetime NOT NULL,
  `src_user` varchar(64) NOT NULL DEFAULT '',
  `src_domain` varchar(128) NOT NULL DEFAULT '',
  `src_ip` varchar(64) NOT NULL DEFAULT '',
  `dst_ouser` varchar(64) NOT NULL DEFAULT '',
  `dst_user` varchar(64) NOT NULL DEFAULT '',
  `dst_domain` varchar(128) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`),
  KEY `callid_idx` (`callid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE `pending` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `token_hash` varchar(64) NOT NULL,
  `kind` varchar(16) NOT NULL DEFAULT '',
  `username` varchar(64) NOT NULL DEFAULT '',
  `domain` varchar(64) NOT NULL DEFAULT '',
  `email` varchar(254) NOT NULL DEFAULT '',
  `payload` text DEFAULT NULL,
  `created` datetime NOT NULL DEFAULT '2000-01-01 00:00:01',
  `expires` datetime NOT NULL DEFAULT '2000-01-01 00:00:01',
  PRIMARY KEY (`id`),
  UNIQUE KEY `token_idx` (`token_hash`),
  KEY `account_idx` (`username`,`domain`),
  KEY `expires_idx` (`expires`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE `phonebook` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `username` varchar(64) NOT NULL DEFAULT '',
  `domain` varchar(64) NOT NULL DEFAULT '',
  `fname` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NOT NULL DEFAULT '',
  `lname` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NOT NULL DEFAULT '',
  `sip_uri` varchar(255) NOT NULL DEFAULT '',
  `grp_name` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NOT NULL DEFAULT '',
  `note` varchar(255) NOT NULL DEFAULT '',
  `search` varchar(800) NOT NULL DEFAULT '',
  `created` datetime NOT NULL DEFAULT '2000-01-01 00:00:01',
  `modified` datetime NOT NULL DEFAULT '2000-01-01 00:00:01',
  PRIMARY KEY (`id`),
  KEY `owner_idx` (`username`,`domain`),
  KEY `address_idx` (`username`,`domain`,`sip_uri`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `phonebook` VALUES (1,'alice','example.org','Žofie 😀','','sip:bob@example.org','Práce','quote \' and \\','žofie 😀  sip:bob@example.org práce quote \' and \\','2026-03-01 12:00:00','2026-03-01 12:00:00');
CREATE TABLE `profile` (
  `username` varchar(64) NOT NULL DEFAULT '',
  `domain` varchar(64) NOT NULL DEFAULT '',
  `first_name` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NOT NULL DEFAULT '',
  `last_name` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NOT NULL DEFAULT '',
  `email` varchar(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NOT NULL DEFAULT '',
  `phone` varchar(32) NOT NULL DEFAULT '',
  `time_zone` varchar(64) NOT NULL DEFAULT '',
  `language` varchar(16) NOT NULL DEFAULT '',
  `theme` varchar(8) NOT NULL DEFAULT '',
  `presence` varchar(16) NOT NULL DEFAULT 'signed-in',
  `findable` tinyint(1) NOT NULL DEFAULT 0,
  `auto_answer` tinyint(1) NOT NULL DEFAULT 0,
  `missed_mail` varchar(254) NOT NULL DEFAULT '',
  `disabled` tinyint(1) NOT NULL DEFAULT 0,
  `search` varchar(512) NOT NULL DEFAULT '',
  `created` datetime NOT NULL DEFAULT '2000-01-01 00:00:01',
  `modified` datetime NOT NULL DEFAULT '2000-01-01 00:00:01',
  PRIMARY KEY (`username`,`domain`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `profile` VALUES ('alice','example.org','Žofie 😀','O\'Brien\\','z@example.org','+420 (1) 2-3/4.5','Europe/Prague','pt-BR','dark','everyone',1,1,'m@example.org',0,'alice žofie 😀 o\'brien\\ z@example.org','2026-03-01 12:00:00','2026-03-01 12:00:00');
CREATE TABLE `session` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `token_hash` varchar(64) NOT NULL,
  `username` varchar(64) NOT NULL DEFAULT '',
  `domain` varchar(64) NOT NULL DEFAULT '',
  `kind` varchar(8) NOT NULL DEFAULT '',
  `created` datetime NOT NULL DEFAULT '2000-01-01 00:00:01',
  `last_seen` datetime NOT NULL DEFAULT '2000-01-01 00:00:01',
  `idle_seconds` int(11) NOT NULL DEFAULT 0,
  `idle_until` datetime NOT NULL DEFAULT '2000-01-01 00:00:01',
  `expires` datetime NOT NULL DEFAULT '2000-01-01 00:00:01',
  `user_agent` varchar(255) NOT NULL DEFAULT '',
  `ip` varchar(64) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`),
  UNIQUE KEY `token_idx` (`token_hash`),
  KEY `account_idx` (`username`,`domain`),
  KEY `expires_idx` (`expires`),
  KEY `idle_idx` (`idle_until`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE `silo` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `src_addr` varchar(255) NOT NULL DEFAULT '',
  `dst_addr` varchar(255) NOT NULL DEFAULT '',
  `username` varchar(64) NOT NULL DEFAULT '',
  `domain` varchar(64) NOT NULL DEFAULT '',
  `inc_time` int(11) NOT NULL DEFAULT 0,
  `exp_time` int(11) NOT NULL DEFAULT 0,
  `snd_time` int(11) NOT NULL DEFAULT 0,
  `ctype` varchar(32) NOT NULL DEFAULT 'text/plain',
  `body` blob DEFAULT NULL,
  `extra_hdrs` text DEFAULT NULL,
  `callid` varchar(128) NOT NULL DEFAULT '',
  `status` int(11) NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`),
  KEY `account_idx` (`username`,`domain`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `silo` VALUES (1,'sip:bob@example.org','sip:alice@example.org','alice','example.org',1772366400,1772625600,0,'text/plain','Hello',NULL,'x',0);
CREATE TABLE `silo_state` (
  `silo_id` int(10) unsigned NOT NULL,
  `read_time` datetime DEFAULT NULL,
  `attempts` int(11) NOT NULL DEFAULT 0,
  `last_time` datetime DEFAULT NULL,
  `last_code` varchar(3) NOT NULL DEFAULT '',
  `refused` tinyint(1) NOT NULL DEFAULT 0,
  PRIMARY KEY (`silo_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE `subscriber` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `username` varchar(64) NOT NULL DEFAULT '',
  `domain` varchar(64) NOT NULL DEFAULT '',
  `password` varchar(64) NOT NULL DEFAULT '',
  `ha1` varchar(128) NOT NULL DEFAULT '',
  `ha1b` varchar(128) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`),
  UNIQUE KEY `account_idx` (`username`,`domain`),
  KEY `username_idx` (`username`)
) ENGINE=InnoDB AUTO_INCREMENT=3 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `subscriber` VALUES (1,'alice','example.org','','db25ea610c2a955b77b272273cbe886b','5fc161ec8afcadadfd8eb255456850d4');
INSERT INTO `subscriber` VALUES (2,'žofie😀','example.org','','a925036696dc3b1ebe5a5430df19353b','32a73058e8ccb14240596fcc5b59fe43');
CREATE TABLE `version` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `table_name` varchar(32) NOT NULL,
  `table_version` int(10) unsigned NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`),
  UNIQUE KEY `table_name_idx` (`table_name`)
) ENGINE=InnoDB AUTO_INCREMENT=10 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `version` VALUES (1,'version',1);
INSERT INTO `version` VALUES (2,'subscriber',7);
INSERT INTO `version` VALUES (3,'location',9);
INSERT INTO `version` VALUES (4,'acc',5);
INSERT INTO `version` VALUES (5,'missed_calls',4);
INSERT INTO `version` VALUES (6,'silo',8);
INSERT INTO `version` VALUES (7,'dbaliases',1);
INSERT INTO `version` VALUES (8,'grp',2);
INSERT INTO `version` VALUES (9,'domain',2);
