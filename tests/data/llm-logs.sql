-- The tables of llm 0.36 that matter to an import, as that version wrote them (with an echo model).
CREATE TABLE "threads" (
   "id" TEXT PRIMARY KEY,
   "name" TEXT,
   "tip_message_hash" TEXT REFERENCES "messages"("hash"),
   "forked_from" TEXT REFERENCES "threads"("id"),
   "datetime_utc" TEXT
);
INSERT INTO "threads" VALUES ('01m8azh7ec27706yemvp281x8y','Say 雨. ','b2:119ec8d0a2d8449c71db468356366af7',NULL,'2026-11-26 03:49:04.592096+00:00');
INSERT INTO "threads" VALUES ('01m8azh7g12p8n1ykeehvm5yq4','alone','b2:eb1247b02aab67e3d77523b57e08ccc8',NULL,'2026-11-26 03:49:04.641390+00:00');
INSERT INTO "threads" VALUES ('01m8azh7h4kbwgar7bfevapc37','FRAGMENT TEXT with fragments','b2:ed619f676b0de01a02b9ec8aaa570c95',NULL,'2026-11-26 03:49:04.676373+00:00');
CREATE TABLE "turns" (
   "id" TEXT PRIMARY KEY,
   "thread_id" TEXT REFERENCES "threads"("id"),
   "parent_message_hash" TEXT REFERENCES "messages"("hash"),
   "tip_message_hash" TEXT REFERENCES "messages"("hash"),
   "model" TEXT,
   "resolved_model" TEXT,
   "options_json" TEXT,
   "schema_id" TEXT REFERENCES "schemas"("id"),
   "input_tokens" INTEGER,
   "output_tokens" INTEGER,
   "token_details" TEXT,
   "duration_ms" INTEGER,
   "datetime_utc" TEXT
, "response_json" TEXT);
INSERT INTO "turns" VALUES ('01m8azh7ec27706yemvp281x8z','01m8azh7ec27706yemvp281x8y','b2:578a8f580937ec3e3f36976791b8b92f','b2:183fceb1705d2b70095654f99a8e4539','echo',NULL,'{"temperature": 0.5, "seed": 7}',NULL,3,4,NULL,0,'2026-11-26T03:49:04.588723+00:00',NULL);
INSERT INTO "turns" VALUES ('01m8azh7fakpmaxh4jr96s1t3j','01m8azh7ec27706yemvp281x8y','b2:f9e81095f0956c115cb59023520ed74e','b2:119ec8d0a2d8449c71db468356366af7','echo',NULL,'{"temperature": 0.5, "seed": 7}',NULL,3,4,NULL,0,'2026-11-26T03:49:04.618830+00:00',NULL);
INSERT INTO "turns" VALUES ('01m8azh7g07mctgq2yetd0htwz','01m8azh7g12p8n1ykeehvm5yq4','b2:60deb7143c0f189be24496f739645ffc','b2:eb1247b02aab67e3d77523b57e08ccc8','echo',NULL,NULL,NULL,3,4,NULL,0,'2026-11-26T03:49:04.641000+00:00',NULL);
INSERT INTO "turns" VALUES ('01m8azh7h3jxr5683mywxjpftb','01m8azh7h4kbwgar7bfevapc37','b2:a5bce2e6e0d7dcdb97361d8ada465a04','b2:ed619f676b0de01a02b9ec8aaa570c95','echo',NULL,NULL,NULL,3,4,NULL,0,'2026-11-26T03:49:04.675953+00:00',NULL);
CREATE TABLE "messages" (
   "hash" TEXT PRIMARY KEY,
   "parent_hash" TEXT REFERENCES "messages"("hash"),
   "role" TEXT,
   "provider_metadata" TEXT
);
INSERT INTO "messages" VALUES ('b2:074dea0bd0259e0d5dca16426a45e4f5',NULL,'system',NULL);
INSERT INTO "messages" VALUES ('b2:578a8f580937ec3e3f36976791b8b92f','b2:074dea0bd0259e0d5dca16426a45e4f5','user',NULL);
INSERT INTO "messages" VALUES ('b2:183fceb1705d2b70095654f99a8e4539','b2:578a8f580937ec3e3f36976791b8b92f','assistant',NULL);
INSERT INTO "messages" VALUES ('b2:f9e81095f0956c115cb59023520ed74e','b2:183fceb1705d2b70095654f99a8e4539','user',NULL);
INSERT INTO "messages" VALUES ('b2:119ec8d0a2d8449c71db468356366af7','b2:f9e81095f0956c115cb59023520ed74e','assistant',NULL);
INSERT INTO "messages" VALUES ('b2:60deb7143c0f189be24496f739645ffc',NULL,'user',NULL);
INSERT INTO "messages" VALUES ('b2:eb1247b02aab67e3d77523b57e08ccc8','b2:60deb7143c0f189be24496f739645ffc','assistant',NULL);
INSERT INTO "messages" VALUES ('b2:db1ff366785758d7171f57a7da684d88',NULL,'system',NULL);
INSERT INTO "messages" VALUES ('b2:a5bce2e6e0d7dcdb97361d8ada465a04','b2:db1ff366785758d7171f57a7da684d88','user',NULL);
INSERT INTO "messages" VALUES ('b2:ed619f676b0de01a02b9ec8aaa570c95','b2:a5bce2e6e0d7dcdb97361d8ada465a04','assistant',NULL);
CREATE TABLE "parts" (
   "id" INTEGER PRIMARY KEY,
   "message_hash" TEXT REFERENCES "messages"("hash"),
   "position" INTEGER,
   "type" TEXT,
   "tool_name" TEXT,
   "text" TEXT,
   "payload" TEXT
);
INSERT INTO "parts" VALUES (1,'b2:074dea0bd0259e0d5dca16426a45e4f5',0,'text',NULL,'Be brief.',NULL);
INSERT INTO "parts" VALUES (2,'b2:578a8f580937ec3e3f36976791b8b92f',0,'text',NULL,'Say 雨.
',NULL);
INSERT INTO "parts" VALUES (3,'b2:183fceb1705d2b70095654f99a8e4539',0,'text',NULL,'You said Say 雨.
',NULL);
INSERT INTO "parts" VALUES (4,'b2:f9e81095f0956c115cb59023520ed74e',0,'text',NULL,'And then? ' || char(27) || '[2J',NULL);
INSERT INTO "parts" VALUES (5,'b2:119ec8d0a2d8449c71db468356366af7',0,'text',NULL,'You said And then? ' || char(27) || '[2J',NULL);
INSERT INTO "parts" VALUES (6,'b2:60deb7143c0f189be24496f739645ffc',0,'text',NULL,'alone',NULL);
INSERT INTO "parts" VALUES (7,'b2:eb1247b02aab67e3d77523b57e08ccc8',0,'text',NULL,'You said alone',NULL);
INSERT INTO "parts" VALUES (8,'b2:db1ff366785758d7171f57a7da684d88',0,'text',NULL,NULL,'{"text_ref": [{"fragment": 2}]}');
INSERT INTO "parts" VALUES (9,'b2:a5bce2e6e0d7dcdb97361d8ada465a04',0,'text',NULL,NULL,'{"text_ref": [{"fragment": 1}, {"literal": "\nwith fragments"}]}');
INSERT INTO "parts" VALUES (10,'b2:ed619f676b0de01a02b9ec8aaa570c95',0,'text',NULL,'You said FRAGMENT TEXT
with fragments',NULL);
CREATE TABLE "fragments" (
   "id" INTEGER PRIMARY KEY,
   "hash" TEXT,
   "content" TEXT,
   "datetime_utc" TEXT,
   "source" TEXT
);
INSERT INTO "fragments" VALUES (1,'bf956857c5fdd7e629c90468c2775aac00805cf4c64ed653487c9eb1e4105632','FRAGMENT TEXT','2026-11-26 03:49:04',NULL);
INSERT INTO "fragments" VALUES (2,'4a9a7dad6bb89b51b41262c4da6696fe6b35fd6535ec64c541d8d630fad9ad65','SYS FRAG','2026-11-26 03:49:04',NULL);
CREATE TABLE "part_fragments" (
   "part_id" INTEGER REFERENCES "parts"("id"),
   "fragment_id" INTEGER REFERENCES "fragments"("id"),
   "order" INTEGER,
   PRIMARY KEY ("part_id", "fragment_id", "order")
);
INSERT INTO "part_fragments" VALUES (8,2,0);
INSERT INTO "part_fragments" VALUES (9,1,0);
