-- Kamailio 5.6, permissions 6: peers that need not prove who they are.
-- +goose Up
CREATE TABLE `trusted` (
    `id` INTEGER PRIMARY KEY NOT NULL,
    `src_ip` VARCHAR(50) NOT NULL,
    `proto` VARCHAR(4) NOT NULL,
    `from_pattern` VARCHAR(64) DEFAULT NULL,
    `ruri_pattern` VARCHAR(64) DEFAULT NULL,
    `tag` VARCHAR(64),
    `priority` INTEGER DEFAULT 0 NOT NULL
);
CREATE INDEX `trusted_peer_idx` ON `trusted` (`src_ip`);
