-- Kamailio 5.6, permissions 6: networks and hosts by group.
-- +goose Up
CREATE TABLE `address` (
    `id` INTEGER PRIMARY KEY NOT NULL,
    `grp` INTEGER DEFAULT 1 NOT NULL,
    `ip_addr` VARCHAR(50) NOT NULL,
    `mask` INTEGER DEFAULT 32 NOT NULL,
    `port` SMALLINT(5) DEFAULT 0 NOT NULL,
    `tag` VARCHAR(64)
);
