-- Which stored messages came from senders who had not shown who they are.
-- +goose Up
CREATE TABLE IF NOT EXISTS `silo_foreign` (
    `silo_id` INT(10) UNSIGNED NOT NULL,
    PRIMARY KEY (`silo_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
