-- Which stored messages came from senders who had not shown who they are.
-- +goose Up
CREATE TABLE `silo_foreign` (
    `silo_id` INTEGER NOT NULL,
    PRIMARY KEY (`silo_id`)
);
