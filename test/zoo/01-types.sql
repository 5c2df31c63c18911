create schema zoo;
create schema aviary;
create schema "Reptile ""House""";
comment on schema zoo is 'every kind of object';
create type zoo.mood as enum ('calm', 'angry', 'it''s hungry', 'ÄRGER');
create type zoo.point3 as (x float8, y float8, "Z" text collate "C");
create type zoo.nested as (p zoo.point3, moods zoo.mood[]);
create type zoo.nothing as ();
create domain zoo.weight as numeric(10, 3) default 1.5 not null constraint positive check (value > 0);
create domain zoo.heavy as zoo.weight check (value > 100);
create domain zoo.old_rule as text collate "C";
alter domain zoo.old_rule add constraint short check (length(value) < 10) not valid;
create domain zoo.weights as numeric[] check (array_length(value, 1) < 5);
create type zoo.span as range (subtype = float8, subtype_diff = float8mi);
create type zoo.textspan as range (subtype = text, collation = "C", subtype_opclass = text_ops);
--: 14+
drop type zoo.span;
create type zoo.span as range (subtype = float8, subtype_diff = float8mi, multirange_type_name = zoo.spans_of_many);
--: 10+
create type zoo.shell;
create type zoo.label;
create function zoo.label_in(cstring) returns zoo.label language internal immutable strict as 'textin';
create function zoo.label_out(zoo.label) returns cstring language internal immutable strict as 'textout';
create function zoo.label_recv(internal) returns zoo.label language internal stable strict as 'textrecv';
create function zoo.label_send(zoo.label) returns bytea language internal stable strict as 'textsend';
create type zoo.label (input = zoo.label_in, output = zoo.label_out, receive = zoo.label_recv, send = zoo.label_send, internallength = variable,
  storage = extended, category = 'U', preferred = false, collatable = true, delimiter = ';', default = 'none');
create collation zoo.plain (locale = 'C');
create collation zoo.copied from "C";
--: 10-11
create collation zoo.german (provider = icu, locale = 'de-u-co-phonebk');
--: 12+
create collation zoo.german (provider = icu, locale = 'de-u-co-phonebk', deterministic = false);
--: 16+
create collation zoo.tailored (provider = icu, locale = 'und', rules = '&a < b <<< B');
--: 17+
create collation zoo.builtin (provider = builtin, locale = 'C.UTF-8');
--: 10+
create conversion zoo.latin for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
create default conversion zoo.latin_default for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;

comment on type zoo.mood is 'a mood';
comment on type zoo.point3 is 'three axes';
comment on column zoo.point3."Z" is 'a column of a type';
comment on domain zoo.weight is 'kilograms';
comment on constraint positive on domain zoo.weight is 'no ghosts';
comment on collation zoo.german is 'phone book';
comment on conversion zoo.latin is 'western';
comment on type zoo.label is 'a base type';
