-- The versions that Kamailio 5.6 and kamctl look for.
-- +goose Up
INSERT INTO `version` (`table_name`, `table_version`) VALUES
    ('version', 1),
    ('subscriber', 7),
    ('location', 9),
    ('acc', 5),
    ('missed_calls', 4),
    ('silo', 8),
    ('dbaliases', 1),
    ('grp', 2),
    ('domain', 2);
