CREATE TABLE `tbl_customers` (`CustNo` integer NOT NULL PRIMARY KEY, `Name` varchar(40) NOT NULL, `Obsolete` integer);
CREATE TABLE `tbl_orders` (`OrdNo` integer NOT NULL PRIMARY KEY, `CustNo` integer NOT NULL, FOREIGN KEY (`CustNo`) REFERENCES `tbl_customers`(`CustNo`));
CREATE TABLE `tmp_scratch` (`x` integer);
INSERT INTO `tbl_customers` VALUES (1, 'Ada', 7), (2, 'Bob', NULL);
INSERT INTO `tbl_orders` VALUES (10, 2);
INSERT INTO `tmp_scratch` VALUES (1);
