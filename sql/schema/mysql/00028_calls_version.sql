-- The versions that Kamailio 5.6 and kamctl look for.
-- +goose Up
INSERT INTO `version` (`table_name`, `table_version`) VALUES
    ('speed_dial', 2),
    ('dispatcher', 4)
ON DUPLICATE KEY UPDATE `table_version` = VALUES(`table_version`);
