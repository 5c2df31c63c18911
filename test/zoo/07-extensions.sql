create schema ext;
create extension hstore schema ext;
create extension citext schema ext;
create extension pg_trgm schema ext;
create extension btree_gist;
create extension ltree;
create extension cube;
create extension postgres_fdw;
comment on extension citext is 'a comment of ours';
create table zoo.extended (id int, h ext.hstore default 'a=>1', c ext.citext primary key, path ltree, exclude using gist (id with =, path with =));
create index extended_trgm on zoo.extended using gin ((c::text) ext.gin_trgm_ops);
create index extended_hstore on zoo.extended using gist (h ext.gist_hstore_ops);
create view zoo.extended_view as select h operator(ext.->) 'a' as a from zoo.extended;
create server pg foreign data wrapper postgres_fdw options (host 'h', dbname 'd', port '5433');
create user mapping for public server pg options (user 'u', password 'secret of the zoo');
create foreign table zoo.remote (id int, v text) server pg options (schema_name 's', table_name 't');
--: 18
create table zoo.period_keys (id int, during daterange, name text, constraint period_keys_key primary key (id, during without overlaps), unique (name, during without overlaps));
create table zoo.period_refs (id int, of_id int, valid daterange, foreign key (of_id, period valid) references zoo.period_keys (id, period during));
