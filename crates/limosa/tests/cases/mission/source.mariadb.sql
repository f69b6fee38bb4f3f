CREATE TABLE `users` (`id` integer NOT NULL PRIMARY KEY, `email` varchar(60) NOT NULL UNIQUE, `name` varchar(60) NOT NULL, `status` varchar(10) NOT NULL, `created_date` datetime NOT NULL, `modified_date` datetime);
CREATE TABLE `posts` (`id` integer NOT NULL PRIMARY KEY, `user_id` integer NOT NULL, `note` varchar(20), FOREIGN KEY (`user_id`) REFERENCES `users`(`id`));
INSERT INTO `users` VALUES (1, 'Ada@Example.ORG', '  Ada Lovelace ', 'active', '2024-01-02 03:04:05', '2024-02-29 23:59:59'), (2, 'BOB@example.org', 'Bøb', 'active', '2023-12-31 00:00:00', NULL), (3, 'Gone@example.org', 'Gone', 'deleted', '2020-01-01 00:00:00', NULL), (4, 'odd@EXAMPLE.org', '   ', 'new', '1999-12-31 23:59:59', NULL);
INSERT INTO `posts` VALUES (1, 1, NULL), (2, 2, 'hello');
