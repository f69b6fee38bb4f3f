CREATE TABLE "order details; --" ("select" integer NOT NULL PRIMARY KEY, "from" integer, "zwölf" integer, "it's" integer, "a.b" integer, "%s {}" varchar(10));
CREATE INDEX "my index" ON "order details; --"("from", "it's");
INSERT INTO "order details; --" VALUES (0, 1, 2, 3, 4, '%s {}');
